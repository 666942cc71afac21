-- BOOLEAN columns, text true / false, WHERE on a bare boolean, comparison of booleans
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
  b STRING,
  c BOOLEAN
) WITH (
  'connector' = 'print'
);

CREATE VIEW flags AS SELECT id, x > y AS f FROM ints;

INSERT INTO sink SELECT id, f, CAST(f AS STRING), f = TRUE FROM flags WHERE f OR f IS NULL OR id = 3;
