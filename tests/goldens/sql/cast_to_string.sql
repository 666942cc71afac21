-- text of every type by CAST to STRING
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
  a STRING,
  b STRING,
  c STRING,
  d STRING,
  e STRING,
  f STRING,
  g STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(t AS STRING), CAST(b AS STRING), CAST(f AS STRING), CAST(d AS STRING), CAST(`dec` AS STRING), CAST(id > 3 AS STRING), CAST(CAST(`dec` AS DECIMAL(20, 10)) AS STRING) FROM nums;
