-- MIN and MAX over a retracting stream: a retracted extreme gives way to the next
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
  lo INT,
  hi INT,
  lo_key STRING,
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT MIN(s), MAX(s), MIN(k), COUNT(*) FROM (SELECT k, SUM(v) AS s FROM pairs GROUP BY k);
