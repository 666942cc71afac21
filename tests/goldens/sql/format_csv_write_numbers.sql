-- the text that the csv format writes for numbers and booleans
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

CREATE TABLE written (
  id INT,
  b BIGINT,
  f FLOAT,
  d DOUBLE,
  c DECIMAL(20, 10),
  ok BOOLEAN
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'csv'
);

CREATE TABLE lines (
  line STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'raw'
);

CREATE TABLE sink (
  line STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO written SELECT id, b, f, d, CAST(`dec` AS DECIMAL(20, 10)), id > 3 FROM nums;
INSERT INTO sink SELECT line FROM lines;
