-- the smallest INT and BIGINT are literals
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
  a STRING,
  b STRING,
  c BIGINT,
  d STRING,
  e STRING,
  f STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT TYPEOF(-2147483648), TYPEOF(-2147483649), -9223372036854775808, TYPEOF(- 2147483648), TYPEOF(-(2147483648)), TYPEOF(-1.5) FROM times WHERE id = 1;
