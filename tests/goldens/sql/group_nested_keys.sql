-- arrays and rows as keys
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

CREATE TABLE s0 (c0 ARRAY<INT>, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT a, COUNT(*) FROM (SELECT ARRAY[v, MOD(id, 2)] AS a FROM pairs) GROUP BY a;

CREATE TABLE s1 (c0 ROW<x STRING, y INT>, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT r, COUNT(*) FROM (SELECT ROW(k, v) AS r FROM pairs) GROUP BY r;

CREATE TABLE s2 (c0 ARRAY<STRING>) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT DISTINCT ARRAY[k] FROM pairs;

CREATE TABLE s3 (c0 ROW<a ARRAY<INT>, b STRING>) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT DISTINCT ROW(ARRAY[v], k) FROM pairs;
