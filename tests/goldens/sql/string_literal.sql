-- string literals: doubled quote, empty, unicode, escapes are not special, U& literal
CREATE TABLE ints (
  id INT,
  x INT,
  y INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/ints.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING,
  b STRING,
  c STRING,
  d STRING,
  e STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT 'it''s', '', 'ünï😀', 'back\slash\n', U&'\00fc' FROM ints WHERE id = 1;
