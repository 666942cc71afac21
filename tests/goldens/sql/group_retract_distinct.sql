-- COUNT(DISTINCT) and SUM(DISTINCT) over a retracting stream
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
  d BIGINT,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COUNT(DISTINCT m), SUM(DISTINCT m) FROM (SELECT k, MAX(v) AS m FROM pairs GROUP BY k);
