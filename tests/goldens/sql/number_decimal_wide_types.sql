-- derived types of arithmetic over wide decimals, by TYPEOF
CREATE TABLE wide (
  id INT,
  a DECIMAL(38, 10),
  b DECIMAL(38, 18),
  n BIGINT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/wide.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  c0 STRING,
  c1 STRING,
  c2 STRING,
  c3 STRING,
  c4 STRING,
  c5 STRING,
  c6 STRING,
  c7 STRING,
  c8 STRING,
  c9 STRING,
  c10 STRING,
  c11 STRING,
  c12 STRING,
  c13 STRING,
  c14 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT
  'a + a: ' || TYPEOF(a + a),
  'a + b: ' || TYPEOF(a + b),
  'a - b: ' || TYPEOF(a - b),
  'a * b: ' || TYPEOF(a * b),
  'a / b: ' || TYPEOF(a / b),
  'b / a: ' || TYPEOF(b / a),
  'a * 2: ' || TYPEOF(a * 2),
  'a / 3: ' || TYPEOF(a / 3),
  'b * b: ' || TYPEOF(b * b),
  'n * b: ' || TYPEOF(n * b),
  'n / b: ' || TYPEOF(n / b),
  'MOD(a, b): ' || TYPEOF(MOD(a, b)),
  'ROUND(b, 3): ' || TYPEOF(ROUND(b, 3)),
  'ROUND(a, 20): ' || TYPEOF(ROUND(a, 20)),
  'ABS(a): ' || TYPEOF(ABS(a))
FROM wide WHERE id = 1;
