-- GROUP BY over a subquery with a computed key, ORDER-less, with an expression over aggregates
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

CREATE TABLE sink (
  kind STRING,
  r DOUBLE,
  d INT,
  t STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT kind, SUM(v) * 1.0e0 / COUNT(*), MAX(v) - MIN(v), CAST(COUNT(v) AS STRING) || ' rows' FROM (SELECT CASE WHEN v > 4 THEN 'high' ELSE 'low' END AS kind, v FROM pairs) GROUP BY kind;
