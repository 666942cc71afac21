-- TIMESTAMPDIFF truncates towards zero, also for months and negative differences
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
  s INT,
  mi INT,
  h INT,
  d INT,
  mo INT,
  y INT,
  dd INT,
  w INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, TIMESTAMPDIFF(SECOND, TIMESTAMP '2024-01-01 00:00:00', ts), TIMESTAMPDIFF(MINUTE, TIMESTAMP '2024-01-01 00:00:00', ts),
  TIMESTAMPDIFF(HOUR, TIMESTAMP '2024-01-01 00:00:00', ts), TIMESTAMPDIFF(DAY, TIMESTAMP '2024-01-01 12:00:00', ts),
  TIMESTAMPDIFF(MONTH, TIMESTAMP '2024-01-31 00:00:00', ts), TIMESTAMPDIFF(YEAR, TIMESTAMP '2024-01-01 00:00:00', ts),
  TIMESTAMPDIFF(DAY, d, DATE '2024-03-01'), TIMESTAMPDIFF(WEEK, d, DATE '2024-03-01')
FROM times WHERE id <> 7;
