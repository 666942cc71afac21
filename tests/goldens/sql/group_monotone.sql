-- MAX over values that only grow and MIN over values that only fall take nothing back
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
INSERT INTO s0 SELECT MAX(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s1 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT MIN(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s2 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT MAX(n) FROM (SELECT k, MAX(v) AS n FROM pairs GROUP BY k);

CREATE TABLE s3 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT MIN(n) FROM (SELECT k, MIN(v) AS n FROM pairs GROUP BY k);

CREATE TABLE s4 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's4');
INSERT INTO s4 SELECT MIN(n) FROM (SELECT k, MAX(v) AS n FROM pairs GROUP BY k);

CREATE TABLE s5 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's5');
INSERT INTO s5 SELECT MAX(n) FROM (SELECT k, COUNT(DISTINCT v) AS n FROM pairs GROUP BY k);

CREATE TABLE s6 (c0 BIGINT, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's6');
INSERT INTO s6 SELECT MAX(n), COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s7 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's7');
INSERT INTO s7 SELECT MAX(n + 1) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s8 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's8');
INSERT INTO s8 SELECT MAX(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) WHERE n <> 2;

CREATE TABLE s9 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's9');
INSERT INTO s9 SELECT MAX(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) WHERE n > 1;

CREATE TABLE s10 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's10');
INSERT INTO s10 SELECT MAX(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) WHERE n < 3;

CREATE TABLE s11 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's11');
INSERT INTO s11 SELECT MAX(n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) WHERE k <> 'a';

CREATE TABLE s12 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's12');
INSERT INTO s12 SELECT MAX(CAST(n AS BIGINT)) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s13 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's13');
INSERT INTO s13 SELECT MAX(CAST(n AS INT)) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s14 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's14');
INSERT INTO s14 SELECT MAX(n) FROM (SELECT k, SUM(1) AS n FROM pairs GROUP BY k);

CREATE TABLE s15 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's15');
INSERT INTO s15 SELECT MAX(n) FROM (SELECT k, SUM(v) AS n FROM pairs GROUP BY k);

CREATE TABLE s16 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's16');
INSERT INTO s16 SELECT MAX(n) FROM (SELECT k, SUM(v) AS n FROM pairs WHERE v > 0 GROUP BY k);

CREATE TABLE s17 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's17');
INSERT INTO s17 SELECT MAX(n) FROM (SELECT k, SUM(CASE WHEN v > 1 THEN 1 ELSE 0 END) AS n FROM pairs GROUP BY k);

CREATE TABLE s18 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's18');
INSERT INTO s18 SELECT MAX(n) FROM (SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) UNION ALL SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k));

CREATE TABLE s19 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's19');
INSERT INTO s19 SELECT MAX(m) FROM (SELECT MOD(CHAR_LENGTH(k), 2) AS p, MAX(n) AS m FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) GROUP BY MOD(CHAR_LENGTH(k), 2));

CREATE TABLE s20 (c0 BIGINT, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's20');
INSERT INTO s20 SELECT x, MAX(n) FROM (SELECT v, COUNT(*) AS n, COUNT(k) AS x FROM pairs GROUP BY v) GROUP BY x;

CREATE TABLE s21 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's21');
INSERT INTO s21 SELECT MAX(n) FILTER (WHERE n > 1) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);

CREATE TABLE s22 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's22');
INSERT INTO s22 SELECT MAX(DISTINCT n) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k);
