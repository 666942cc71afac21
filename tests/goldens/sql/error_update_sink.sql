-- a filesystem sink cannot take the updates of a GROUP BY
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
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'csv'
);

INSERT INTO sink SELECT k, COUNT(*) FROM pairs GROUP BY k;
