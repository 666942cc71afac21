-- a DATE is not compared with a TIMESTAMP
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

INSERT INTO sink SELECT txt FROM times WHERE ts > d;
