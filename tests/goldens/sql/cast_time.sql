-- casts between DATE, TIME, TIMESTAMP of several precisions
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
  a DATE,
  b TIME(0),
  c TIMESTAMP(3),
  e TIMESTAMP(0),
  f TIMESTAMP(6),
  g TIMESTAMP(1),
  h TIMESTAMP(9)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(ts AS DATE), CAST(ts AS TIME), CAST(d AS TIMESTAMP(3)), CAST(ts AS TIMESTAMP(0)), CAST(ts AS TIMESTAMP(6)), CAST(ts AS TIMESTAMP(1)), CAST(ts AS TIMESTAMP(9)) FROM times;
