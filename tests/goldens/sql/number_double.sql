-- text form of DOUBLE and FLOAT: 1.0E7, 1.0E-5, Infinity, NaN; DOUBLE arithmetic and division by zero
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
  f FLOAT,
  d DOUBLE,
  a DOUBLE,
  m DOUBLE,
  fd DOUBLE,
  inf DOUBLE,
  txt STRING,
  ftxt STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, f, d, d + 0.1, d * 3, f + d, d / 0, CAST(d AS STRING), CAST(f AS STRING) FROM nums;
