-- implicit widening at the sink: INT to BIGINT, INT to DOUBLE, DECIMAL to a wider DECIMAL, FLOAT to DOUBLE
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
  a BIGINT,
  b DOUBLE,
  c DECIMAL(20, 4),
  d DOUBLE,
  e DECIMAL(10, 1)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, id, `dec`, f, id FROM nums;
