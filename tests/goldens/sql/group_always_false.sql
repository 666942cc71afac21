-- a global aggregate over a condition that is never true
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
INSERT INTO s0 SELECT COUNT(*) FROM pairs WHERE FALSE;

CREATE TABLE s1 (c0 BIGINT, c1 INT, c2 INT, c3 INT) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT COUNT(k), SUM(v), MIN(v), MAX(v) FROM pairs WHERE 1 = 2;

CREATE TABLE s2 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT AVG(v) FROM pairs WHERE FALSE;

CREATE TABLE s3 (c0 BIGINT, c1 STRING) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT COUNT(*), LISTAGG(k) FROM pairs WHERE FALSE;

CREATE TABLE s4 (c0 STRING, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's4');
INSERT INTO s4 SELECT k, COUNT(*) FROM pairs WHERE FALSE GROUP BY k;

CREATE TABLE s5 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's5');
INSERT INTO s5 SELECT COUNT(*) FROM (SELECT k FROM pairs WHERE FALSE GROUP BY k);

CREATE TABLE s6 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's6');
INSERT INTO s6 SELECT COUNT(*) FROM pairs WHERE CAST(NULL AS BOOLEAN);

CREATE TABLE s7 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's7');
INSERT INTO s7 SELECT COUNT(*) FROM (SELECT k FROM pairs WHERE FALSE UNION ALL SELECT k FROM pairs WHERE 1 > 2);

CREATE TABLE s8 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's8');
INSERT INTO s8 SELECT COUNT(*) + 1 FROM pairs WHERE FALSE HAVING COUNT(*) = 0;

CREATE TABLE s9 (c0 DOUBLE) WITH ('connector' = 'print', 'print-identifier' = 's9');
INSERT INTO s9 SELECT STDDEV_POP(CAST(v AS DOUBLE)) FROM pairs WHERE FALSE;

CREATE TABLE s10 (c0 INT) WITH ('connector' = 'print', 'print-identifier' = 's10');
INSERT INTO s10 SELECT FIRST_VALUE(v) FROM pairs WHERE FALSE;

CREATE TABLE s11 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's11');
INSERT INTO s11 SELECT COUNT(DISTINCT k) FROM pairs WHERE FALSE;
