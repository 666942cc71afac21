-- ABS, SIGN, FLOOR, CEIL, ROUND, TRUNCATE over integers, decimals and doubles
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
  id INT,
  a DOUBLE,
  b DECIMAL(10, 2),
  s DOUBLE,
  sd DECIMAL(10, 2),
  f DOUBLE,
  c DOUBLE,
  fd DECIMAL(10, 0),
  cd DECIMAL(10, 0),
  r DOUBLE,
  rd DECIMAL(10, 1),
  ri BIGINT,
  td DECIMAL(10, 1),
  tr DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, ABS(d), ABS(`dec`), SIGN(d), SIGN(`dec`), FLOOR(d), CEIL(d), FLOOR(`dec`), CEIL(`dec`), ROUND(d, 1), ROUND(`dec`, 1),
  ROUND(b, -2), TRUNCATE(`dec`, 1), TRUNCATE(d, 1)
FROM nums;
