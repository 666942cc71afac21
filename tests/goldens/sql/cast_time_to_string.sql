-- text of DATE, TIME and TIMESTAMP by CAST and by the print connector
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
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  a STRING,
  b STRING,
  c STRING,
  e STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, ts, d, t, CAST(ts AS STRING), CAST(d AS STRING), CAST(t AS STRING), CAST(CAST(ts AS TIMESTAMP(0)) AS STRING) FROM times;
