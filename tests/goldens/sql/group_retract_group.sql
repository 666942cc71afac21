-- a group of an outer aggregate that becomes empty is deleted
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
  parity BIGINT,
  n BIGINT,
  keys_max STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT MOD(n, 2), COUNT(*), MAX(k) FROM (SELECT k, COUNT(*) AS n FROM pairs WHERE k IS NOT NULL GROUP BY k) GROUP BY MOD(n, 2);
