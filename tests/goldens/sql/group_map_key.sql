-- maps as keys
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

CREATE TABLE s0 (c0 MAP<STRING, INT>, c1 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT m, COUNT(*) FROM (SELECT MAP[k, v] AS m FROM pairs WHERE k IS NOT NULL) GROUP BY m;

CREATE TABLE s1 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's1');
INSERT INTO s1 SELECT COUNT(*) FROM (SELECT DISTINCT m FROM (SELECT MAP['a', 1, 'b', 2] AS m FROM pairs UNION ALL SELECT MAP['b', 2, 'a', 1] FROM pairs));
