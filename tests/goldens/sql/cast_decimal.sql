-- CAST to DECIMAL rounds half up, and gives NULL or fails when it does not fit
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
  a DECIMAL(5, 1),
  b DECIMAL(10, 0),
  c DECIMAL(12, 3),
  d DECIMAL(20, 5),
  e DECIMAL(4, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(`dec` AS DECIMAL(5, 1)), CAST(`dec` AS DECIMAL), CAST(b AS DECIMAL(12, 3)), CAST(d AS DECIMAL(20, 5)), TRY_CAST(`dec` AS DECIMAL(4, 2)) FROM nums;
