-- DECIMAL of 38 digits: types of the results are cut to 38, results that do not fit are NULL
CREATE TABLE wide (
  id INT,
  a DECIMAL(38, 10),
  b DECIMAL(38, 18),
  n BIGINT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/wide.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  s STRING,
  d STRING,
  m STRING,
  q STRING,
  r STRING,
  t STRING,
  h STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(a + a AS STRING), CAST(a - b AS STRING), CAST(a * b AS STRING), CAST(a / b AS STRING), CAST(b / 3 AS STRING), CAST(n * b AS STRING), CAST(ROUND(b, 3) AS STRING) FROM wide;
