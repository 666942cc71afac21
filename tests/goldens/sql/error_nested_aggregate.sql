-- an aggregate within an aggregate
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
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT SUM(COUNT(*)) FROM pairs;
