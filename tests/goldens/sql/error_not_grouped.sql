-- a column that is neither grouped nor aggregated
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

INSERT INTO sink SELECT v, COUNT(*) FROM pairs GROUP BY k;
