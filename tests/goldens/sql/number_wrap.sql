-- overflow of INT and BIGINT wraps; TINYINT and SMALLINT results keep their type
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
  ti STRING,
  t1 INT,
  t2 INT,
  s1 INT,
  b1 BIGINT,
  b2 BIGINT,
  b3 BIGINT,
  ab BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TYPEOF(t + t), t + t, t + 1, sm + sm, b + 1, b * 2, b - 2, ABS(b) FROM nums;
