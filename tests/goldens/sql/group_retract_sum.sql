-- SUM, AVG and COUNT over a retracting stream
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
  s INT,
  a INT,
  n BIGINT,
  nk BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT SUM(m), AVG(m), COUNT(m), COUNT(k) FROM (SELECT k, MAX(v) AS m FROM pairs GROUP BY k);
