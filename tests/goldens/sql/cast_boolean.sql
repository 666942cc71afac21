-- casts between BOOLEAN, numbers and text
CREATE TABLE ints (
  id INT,
  x INT,
  y INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/ints.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  a BOOLEAN,
  b INT,
  c STRING,
  d BOOLEAN,
  e DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CAST(x AS BOOLEAN), CAST(x > 0 AS INT), CAST(x > 0 AS STRING), CAST(CAST(x > 0 AS STRING) AS BOOLEAN), CAST(x > y AS DOUBLE) FROM ints;
