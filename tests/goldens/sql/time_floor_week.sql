-- FLOOR TO WEEK and QUARTER
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
  b TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, FLOOR(ts TO WEEK), FLOOR(ts TO QUARTER) FROM times WHERE id <> 7;
