-- decimals that the json format writes without an exponent keep their zeros
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
  a DECIMAL(10, 2),
  b DECIMAL(20, 10),
  c DECIMAL(10, 0),
  m MAP<STRING, DECIMAL(10, 2)>
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'json',
  'json.encode.decimal-as-plain-number' = 'true'
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

INSERT INTO written SELECT id, `dec`, CAST(`dec` AS DECIMAL(20, 10)), CAST(`dec` * 100 AS DECIMAL(10, 0)), MAP['k', `dec`, 'z', CAST(0 AS DECIMAL(10, 2))] FROM nums;
INSERT INTO sink SELECT line FROM lines;
