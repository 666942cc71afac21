-- GROUP BY a DOUBLE and a TIMESTAMP and a BOOLEAN key, NULL keys included
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
  d DOUBLE,
  f BOOLEAN,
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT d, t > 0, COUNT(*) FROM (SELECT d, t FROM nums UNION ALL SELECT d, t FROM nums) GROUP BY d, t > 0;
