-- LISTAGG, FIRST_VALUE and LAST_VALUE over rows that are taken back
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

CREATE TABLE s0 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT LISTAGG(k) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);

CREATE TABLE s1 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT LISTAGG(k, '-') FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);

CREATE TABLE s2 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT LISTAGG(DISTINCT k) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);

CREATE TABLE s3 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT FIRST_VALUE(k) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);

CREATE TABLE s4 (c0 STRING) WITH ('connector' = 'print', 'print-identifier' = 's4');
INSERT INTO s4 SELECT LAST_VALUE(k) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);

CREATE TABLE s5 (c0 STRING, c1 INT, c2 INT, c3 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's5');
INSERT INTO s5 SELECT k, FIRST_VALUE(v), LAST_VALUE(v), COUNT(*) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2) GROUP BY k;

CREATE TABLE s6 (c0 STRING, c1 STRING) WITH ('connector' = 'print', 'print-identifier' = 's6');
INSERT INTO s6 SELECT k, LISTAGG(CAST(n AS STRING)) FROM (SELECT k, v, COUNT(*) AS n FROM pairs GROUP BY k, v) GROUP BY k;

CREATE TABLE s7 (c0 STRING, c1 STRING) WITH ('connector' = 'print', 'print-identifier' = 's7');
INSERT INTO s7 SELECT k, LISTAGG(CAST(v AS STRING)) FILTER (WHERE v > 1) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2) GROUP BY k;

CREATE TABLE s8 (c0 BIGINT, c1 STRING) WITH ('connector' = 'print', 'print-identifier' = 's8');
INSERT INTO s8 SELECT n, LISTAGG(k) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) GROUP BY n;

CREATE TABLE s9 (c0 BIGINT, c1 STRING, c2 STRING) WITH ('connector' = 'print', 'print-identifier' = 's9');
INSERT INTO s9 SELECT n, FIRST_VALUE(k), LAST_VALUE(k) FROM (SELECT k, COUNT(*) AS n FROM pairs GROUP BY k) GROUP BY n;

CREATE TABLE s10 (c0 INT, c1 INT) WITH ('connector' = 'print', 'print-identifier' = 's10');
INSERT INTO s10 SELECT FIRST_VALUE(DISTINCT v), LAST_VALUE(DISTINCT v) FROM (SELECT id / 2 AS g, LAST_VALUE(k) AS k, LAST_VALUE(v) AS v FROM pairs GROUP BY id / 2);
