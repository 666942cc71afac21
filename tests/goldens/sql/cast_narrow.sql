-- narrowing casts between numbers: integers wrap, DOUBLE to integers truncates and saturates
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
  a TINYINT,
  b SMALLINT,
  c INT,
  d INT,
  e BIGINT,
  f INT,
  g TINYINT,
  h FLOAT,
  i INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(b AS TINYINT), CAST(b AS SMALLINT), CAST(b AS INT), CAST(d AS INT), CAST(f AS BIGINT), CAST(`dec` AS INT), CAST(d AS TINYINT), CAST(d AS FLOAT), CAST(f AS INT) FROM nums;
