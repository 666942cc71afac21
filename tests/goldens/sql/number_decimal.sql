-- DECIMAL arithmetic: scale of the results, rounding, division
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
  a DECIMAL(38, 10),
  s DECIMAL(11, 2),
  m DECIMAL(20, 4),
  q DECIMAL(23, 13),
  mo DECIMAL(10, 2),
  n DECIMAL(10, 2),
  l DECIMAL(12, 3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(`dec` AS DECIMAL(38, 10)), `dec` + `dec`, `dec` * `dec`, `dec` / 3.7, MOD(`dec`, 3.0), -`dec`, `dec` + 0.125 FROM nums;
