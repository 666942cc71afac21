-- a WHERE that removes every row: no output
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
  k STRING,
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, COUNT(*) FROM pairs WHERE v > 1000 GROUP BY k;
