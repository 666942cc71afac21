-- OVERLAY … PLACING … FROM … FOR
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
  id INT,
  a STRING,
  b STRING,
  c STRING,
  d STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, OVERLAY(s PLACING 'XX' FROM 2), OVERLAY(s PLACING 'XX' FROM 2 FOR 3), OVERLAY(s PLACING 'XX' FROM 1 FOR 0), OVERLAY(s PLACING 'XX' FROM 20)
FROM words WHERE id <> 9;
