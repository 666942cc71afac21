-- DISTINCT counts as changing, though over inserts it only inserts: a sink for inserts refuses it
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

CREATE TABLE written (
  k STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'csv'
);

INSERT INTO written SELECT DISTINCT k FROM pairs;
