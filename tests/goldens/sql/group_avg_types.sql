-- AVG and SUM of TINYINT, SMALLINT, FLOAT, DECIMAL: values and types
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
  a TINYINT,
  b SMALLINT,
  c FLOAT,
  d DECIMAL(38, 6),
  e FLOAT,
  f DECIMAL(38, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT AVG(t), AVG(sm), AVG(f), AVG(`dec`), SUM(f), SUM(`dec`) FROM nums WHERE id <> 4;
