-- MIN and MAX of STRING compare by code unit bytes
CREATE TABLE words (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/words.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING,
  b STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT MIN(s), MAX(s) FROM words;
