-- CREATE TABLE … LIKE with an added column and an overwritten option
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
  'print-identifier' = 'base'
);

CREATE TABLE other (
  extra BIGINT
) WITH (
  'print-identifier' = 'other'
) LIKE sink;

INSERT INTO other SELECT k, v, id FROM pairs WHERE id < 3;
