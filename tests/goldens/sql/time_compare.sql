-- comparison and BETWEEN on TIMESTAMP and DATE
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
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, ts >= TIMESTAMP '2024-01-01 00:00:00', d BETWEEN DATE '2000-01-01' AND DATE '2024-02-29', CAST(ts AS DATE) = d FROM times;
