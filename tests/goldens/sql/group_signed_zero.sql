-- 0.0 and -0.0 are two keys
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
CREATE VIEW d AS SELECT id, CAST(id - 6 AS DOUBLE) * 0 AS d FROM pairs;

CREATE TABLE s0 (c0 DOUBLE) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT DISTINCT d FROM d;

CREATE TABLE s1 (c0 DOUBLE, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT d, COUNT(*) FROM d GROUP BY d;

CREATE TABLE s2 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's2');
INSERT INTO s2 SELECT COUNT(DISTINCT d) FROM d;

CREATE TABLE s3 (c0 FLOAT, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's3');
INSERT INTO s3 SELECT CAST(d AS FLOAT), COUNT(*) FROM d GROUP BY CAST(d AS FLOAT);

CREATE TABLE s4 (c0 DOUBLE, c1 DOUBLE) WITH ('connector' = 'print', 'print-identifier' = 's4');
INSERT INTO s4 SELECT MIN(d), MAX(d) FROM d;

CREATE TABLE s5 (c0 DOUBLE, c1 DOUBLE) WITH ('connector' = 'print', 'print-identifier' = 's5');
INSERT INTO s5 SELECT MIN(d), MAX(d) FROM (SELECT id / 3 AS g, LAST_VALUE(d) AS d FROM d GROUP BY id / 3);

CREATE TABLE s6 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's6');
INSERT INTO s6 SELECT COUNT(*) FROM d WHERE d = 0;
