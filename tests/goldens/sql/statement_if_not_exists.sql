-- CREATE TABLE IF NOT EXISTS keeps the first, DROP TABLE then CREATE makes a new one
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
  'print-identifier' = 'first'
);

CREATE TABLE IF NOT EXISTS sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print',
  'print-identifier' = 'second'
);

INSERT INTO sink SELECT k, v FROM pairs WHERE id = 1;
DROP TABLE sink;

CREATE TEMPORARY TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print',
  'print-identifier' = 'third'
);

INSERT INTO sink SELECT k, v FROM pairs WHERE id = 2;
