-- IN and NOT IN lists with a NULL in them
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
  b BOOLEAN,
  c BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, x IN (7, 3), x NOT IN (7, CAST(NULL AS INT)), x IN (7, CAST(NULL AS INT)) FROM ints;
