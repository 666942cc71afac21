-- COUNT(DISTINCT) of a row is refused
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

CREATE TABLE s0 (c0 BIGINT) WITH ('connector' = 'print', 'print-identifier' = 's0');
INSERT INTO s0 SELECT COUNT(DISTINCT ROW(k, v)) FROM pairs;
