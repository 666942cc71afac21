-- derived types of aggregates, by TYPEOF
CREATE TABLE nums (
  id INT,
  t TINYINT,
  sm SMALLINT,
  b BIGINT,
  f FLOAT,
  d DOUBLE,
  `dec` DECIMAL(10, 2)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/nums.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  c0 STRING,
  c1 STRING,
  c2 STRING,
  c3 STRING,
  c4 STRING,
  c5 STRING,
  c6 STRING,
  c7 STRING,
  c8 STRING,
  c9 STRING,
  c10 STRING,
  c11 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT TYPEOF(a), TYPEOF(b), TYPEOF(c), TYPEOF(d), TYPEOF(e), TYPEOF(f), TYPEOF(g), TYPEOF(h), TYPEOF(i), TYPEOF(j), TYPEOF(k), TYPEOF(l)
FROM (SELECT COUNT(*) AS a, SUM(t) AS b, SUM(b) AS c, SUM(f) AS d, SUM(`dec`) AS e, AVG(t) AS f, AVG(`dec`) AS g, AVG(f) AS h, MIN(`dec`) AS i, MAX(id) AS j, COUNT(id) AS k, AVG(id) AS l FROM nums WHERE id = 1);
