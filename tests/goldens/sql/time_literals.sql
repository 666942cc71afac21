-- DATE, TIME, TIMESTAMP and INTERVAL literals and arithmetic between times
CREATE TABLE ints (
  id INT,
  x INT,
  y INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/ints.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a DATE,
  b TIME(0),
  c TIMESTAMP(3),
  d TIMESTAMP(3),
  e STRING,
  f STRING,
  g BOOLEAN,
  h BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT DATE '2024-02-29', TIME '23:59:58', TIMESTAMP '2024-02-29 23:59:58.123', TIMESTAMP '2024-02-29 00:00:00' + INTERVAL '1' YEAR,
  CAST(INTERVAL '1 02:03:04' DAY TO SECOND AS STRING), CAST(INTERVAL '2-3' YEAR TO MONTH AS STRING),
  DATE '2024-01-01' < DATE '2024-01-02', TIMESTAMP '2024-01-01 00:00:00' = TIMESTAMP '2024-01-01 00:00:00.000'
FROM ints WHERE id = 1;
