-- CREATE DATABASE, USE, and names qualified by catalog and database
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

CREATE DATABASE other;
USE other;

CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);

INSERT INTO default_catalog.other.sink SELECT k, v FROM default_catalog.default_database.pairs WHERE id < 3;
