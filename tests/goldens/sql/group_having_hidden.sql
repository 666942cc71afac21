-- HAVING on an aggregate that is not selected
CREATE TABLE pairs (
  id INT,
  k STRING,
  v INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  k STRING,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, SUM(v) FROM pairs GROUP BY k HAVING COUNT(*) >= 2;
