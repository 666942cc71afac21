-- TO_BASE64, FROM_BASE64, ASCII, CHR, HEX
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
  c INT,
  d STRING,
  e STRING,
  f STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TO_BASE64(s), FROM_BASE64(TO_BASE64(s)), ASCII(s), CHR(64 + id), HEX(s), HEX(id * 17) FROM words;
