-- what the csv format reads, and what it takes for wrong, of odd times, bytes, decimals and rows
CREATE TABLE loose (
  id INT,
  ts TIMESTAMP(3),
  t TIME(0),
  d DATE,
  b BYTES,
  n DECIMAL(5, 1),
  r ROW<x INT, y INT>
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/loose.csv',
  'format' = 'csv',
  'csv.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  id INT,
  ts TIMESTAMP(3),
  t TIME(0),
  d DATE,
  b BYTES,
  n DECIMAL(5, 1),
  r ROW<x INT, y INT>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM loose;
