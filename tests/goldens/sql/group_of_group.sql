-- an aggregate over an aggregate: how many keys have each count
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
  n BIGINT,
  key_count BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) GROUP BY n;
