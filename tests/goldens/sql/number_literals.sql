-- types of literals and simple expressions over them, by TYPEOF
CREATE TABLE nums (
  id INT,
  t TINYINT,
  sm SMALLINT,
  b BIGINT,
  f FLOAT,
  d DOUBLE,
  `dec` DECIMAL(10, 2)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/nums.csv',
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
  c14 STRING,
  c15 STRING,
  c16 STRING,
  c17 STRING,
  c18 STRING,
  c19 STRING,
  c20 STRING,
  c21 STRING,
  c22 STRING,
  c23 STRING,
  c24 STRING,
  c25 STRING,
  c26 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT
  '1: ' || TYPEOF(1),
  '2147483648: ' || TYPEOF(2147483648),
  '10000000000: ' || TYPEOF(10000000000),
  '1.5: ' || TYPEOF(1.5),
  '-1.50: ' || TYPEOF(-1.50),
  '0.001: ' || TYPEOF(0.001),
  '1e1: ' || TYPEOF(1e1),
  '1.5E-3: ' || TYPEOF(1.5E-3),
  '''abc'': ' || TYPEOF('abc'),
  ''''': ' || TYPEOF(''),
  '''a'' || ''bc'': ' || TYPEOF('a' || 'bc'),
  'CHAR_LENGTH(''a''): ' || TYPEOF(CHAR_LENGTH('a')),
  'TRUE: ' || TYPEOF(TRUE),
  'DATE ''2024-01-01'': ' || TYPEOF(DATE '2024-01-01'),
  'TIME ''10:00:00'': ' || TYPEOF(TIME '10:00:00'),
  'TIMESTAMP ''2024-01-01 00:00:00'': ' || TYPEOF(TIMESTAMP '2024-01-01 00:00:00'),
  'TIMESTAMP ''2024-01-01 00:00:00.123456'': ' || TYPEOF(TIMESTAMP '2024-01-01 00:00:00.123456'),
  'INTERVAL ''1'' DAY: ' || TYPEOF(INTERVAL '1' DAY),
  'INTERVAL ''1-2'' YEAR TO MONTH: ' || TYPEOF(INTERVAL '1-2' YEAR TO MONTH),
  'X''0A'': ' || TYPEOF(X'0A'),
  'ARRAY[1, 2]: ' || TYPEOF(ARRAY[1, 2]),
  'MAP[''a'', 1.5]: ' || TYPEOF(MAP['a', 1.5]),
  'ROW(1, ''x''): ' || TYPEOF(ROW(1, 'x')),
  'CAST(1 AS DECIMAL): ' || TYPEOF(CAST(1 AS DECIMAL)),
  'CAST(''a'' AS CHAR(3)): ' || TYPEOF(CAST('a' AS CHAR(3))),
  'CAST(''a'' AS VARCHAR): ' || TYPEOF(CAST('a' AS VARCHAR)),
  'CAST(NULL AS INT): ' || TYPEOF(CAST(NULL AS INT))
FROM nums WHERE id = 1;
