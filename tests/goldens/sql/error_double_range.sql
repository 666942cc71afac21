-- a DOUBLE literal out of range
CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(1E400 AS STRING) FROM times;
