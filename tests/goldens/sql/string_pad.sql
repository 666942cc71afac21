-- LPAD, RPAD (also shorter than the text), REPEAT, SPACE-like padding with empty pad
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
  d STRING,
  e STRING,
  f STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, LPAD(s, 8, '*'), RPAD(s, 8, 'xy'), LPAD(s, 3, '*'), LPAD(s, -1, '*'), REPEAT(s, 2), LPAD(s, 20, '') FROM words;
