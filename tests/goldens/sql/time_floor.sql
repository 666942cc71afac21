-- FLOOR and CEIL of TIMESTAMP and DATE to a unit
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
  a TIMESTAMP(3),
  b TIMESTAMP(3),
  c TIMESTAMP(3),
  d TIMESTAMP(3),
  e TIMESTAMP(3),
  f TIMESTAMP(3),
  g TIMESTAMP(3),
  h DATE,
  i TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, FLOOR(ts TO SECOND), FLOOR(ts TO MINUTE), FLOOR(ts TO HOUR), FLOOR(ts TO DAY), FLOOR(ts TO MONTH), FLOOR(ts TO YEAR),
  CEIL(ts TO HOUR), FLOOR(d TO MONTH), CEIL(ts TO MONTH)
FROM times WHERE id <> 7;
