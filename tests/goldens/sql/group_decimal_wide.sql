-- SUM and AVG of wide decimals, also past 38 digits
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
  s DECIMAL(38, 10),
  t STRING,
  a STRING,
  b STRING,
  avg_type STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT SUM(a), CAST(SUM(b) AS STRING), CAST(AVG(a) AS STRING), CAST(AVG(b) AS STRING), TYPEOF(AVG(b)) FROM wide;
