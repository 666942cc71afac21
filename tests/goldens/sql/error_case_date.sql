-- a DATE and a TIMESTAMP have no common type in CASE
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

INSERT INTO sink SELECT CAST(CASE WHEN id > 1 THEN ts ELSE d END AS STRING) FROM times;
