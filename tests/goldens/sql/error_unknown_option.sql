-- an option that the connector does not know
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
  v INT
) WITH (
  'connector' = 'print',
  'colour' = 'red'
);

INSERT INTO sink SELECT k, v FROM pairs;
