-- GROUPING SETS with GROUPING_ID
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
  big BOOLEAN,
  n BIGINT,
  g BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, big, COUNT(*), GROUPING_ID(k, big) FROM (SELECT k, v > 4 AS big FROM pairs) GROUP BY GROUPING SETS ((k), (big), ());
