-- aggregate calls that nobody reads make no changes
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

CREATE TABLE s0 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT COUNT(*) FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k);

CREATE TABLE s1 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT k FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k);

CREATE TABLE s2 (c0 STRING, c1 INT) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT k, m FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k) WHERE s > 0;

CREATE TABLE s3 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT DISTINCT k FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s4 (c0 STRING, c1 INT) WITH ('connector' = 'print', 'print-identifier' = 's4');
INSERT INTO s4 WITH q (a, b, c, d) AS (SELECT * FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k)) SELECT a, d FROM q;

CREATE TABLE s5 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's5');
INSERT INTO s5 SELECT kk FROM (SELECT k AS kk, n FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k) UNION ALL SELECT k, n * 2 FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k));

CREATE TABLE s6 (c0 STRING, c1 INT) WITH ('connector' = 'print', 'print-identifier' = 's6');
INSERT INTO s6 SELECT kk, d FROM (SELECT k AS kk, n / (n - 100000) AS c, m AS d FROM (SELECT k, COUNT(*) AS n, SUM(v) AS s, MAX(v) AS m FROM pairs GROUP BY k));

CREATE TABLE s7 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's7');
INSERT INTO s7 SELECT 1 FROM (SELECT COUNT(*) AS n FROM pairs);

CREATE TABLE s8 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's8');
INSERT INTO s8 SELECT n FROM (SELECT MAX(v) AS n, COUNT(*) AS c FROM pairs);
