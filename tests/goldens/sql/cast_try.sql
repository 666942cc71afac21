-- TRY_CAST from STRING to numbers and BOOLEAN gives NULL where CAST would fail
CREATE TABLE texts (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/texts.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  s STRING,
  i INT,
  b BIGINT,
  ti TINYINT,
  d DOUBLE,
  f FLOAT,
  bo BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, s, TRY_CAST(s AS INT), TRY_CAST(s AS BIGINT), TRY_CAST(s AS TINYINT), TRY_CAST(s AS DOUBLE), TRY_CAST(s AS FLOAT), TRY_CAST(s AS BOOLEAN) FROM texts;
