-- UPPER, LOWER, CHAR_LENGTH, REVERSE over unicode, empty and NULL strings
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
  u STRING,
  l STRING,
  n INT,
  n2 INT,
  r STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, UPPER(s), LOWER(s), CHAR_LENGTH(s), CHARACTER_LENGTH(s), REVERSE(s) FROM words;
