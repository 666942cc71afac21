-- the type of a UNION ALL column: DECIMAL of INT and DECIMAL, DOUBLE of DECIMAL and DOUBLE
-- order: any
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
  a STRING,
  b STRING,
  c STRING,
  d DECIMAL(12, 2),
  e DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT TYPEOF(a), TYPEOF(b), TYPEOF(c), a, b
FROM (SELECT id AS a, `dec` AS b, 'x' AS c FROM nums UNION ALL SELECT `dec`, d, 'long' FROM nums) u
WHERE a < 10;
