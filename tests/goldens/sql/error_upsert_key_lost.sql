-- the key of the query is not among its columns any more
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
INSERT INTO s0 SELECT UPPER(k), n FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);
