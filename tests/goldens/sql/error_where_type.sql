-- a WHERE that is no boolean
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
  'connector' = 'print'
);

INSERT INTO sink SELECT k, v FROM pairs WHERE v;
