-- SUM of INT and BIGINT wraps around
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
  a INT,
  b BIGINT,
  c TINYINT,
  d SMALLINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT SUM(id * 1000000000), SUM(b), SUM(t), SUM(sm) FROM nums;
