-- a function with too many arguments
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

INSERT INTO sink SELECT UPPER(k, 2), v FROM pairs;
