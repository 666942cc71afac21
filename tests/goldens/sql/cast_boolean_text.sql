-- which texts are BOOLEAN
CREATE TABLE bools (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/bools.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  s STRING,
  b BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, s, TRY_CAST(s AS BOOLEAN) FROM bools;
