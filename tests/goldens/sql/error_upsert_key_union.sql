-- the rows of a union have no key
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

CREATE TABLE s0 (c0 STRING, c1 BIGINT, PRIMARY KEY (c0) NOT ENFORCED) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) UNION ALL SELECT 'x', CAST(1 AS BIGINT);
