-- UNION removes duplicates
-- order: any
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
  k STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k FROM pairs WHERE id < 6 UNION SELECT k FROM pairs WHERE id > 4;
