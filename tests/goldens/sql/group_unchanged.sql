-- an update with an unchanged result is not emitted
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
  m INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, MAX(v) FROM pairs GROUP BY k;
