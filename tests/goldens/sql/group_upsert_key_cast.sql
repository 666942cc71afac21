-- a cast that keeps values apart keeps the upsert key
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

CREATE TABLE s0 (c0 BIGINT, c1 BIGINT, PRIMARY KEY (c0) NOT ENFORCED) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT CAST(v AS BIGINT), n FROM (SELECT COALESCE(v, 0) AS v, COUNT(*) AS n FROM pairs GROUP BY COALESCE(v, 0));

CREATE TABLE s1 (c0 BIGINT, c1 BIGINT, PRIMARY KEY (c0) NOT ENFORCED) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT v, n FROM (SELECT COALESCE(v, 0) AS v, COUNT(*) AS n FROM pairs GROUP BY COALESCE(v, 0));

CREATE TABLE s2 (c0 STRING, c1 BIGINT, PRIMARY KEY (c0) NOT ENFORCED) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT CAST(v AS STRING), n FROM (SELECT COALESCE(v, 0) AS v, COUNT(*) AS n FROM pairs GROUP BY COALESCE(v, 0));

CREATE TABLE s3 (c0 STRING, c1 BIGINT, PRIMARY KEY (c0) NOT ENFORCED) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT 'all', COUNT(*) FROM pairs;
