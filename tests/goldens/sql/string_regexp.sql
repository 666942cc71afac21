-- REGEXP_REPLACE, REGEXP_EXTRACT, REGEXP, SPLIT_INDEX with Java regular expressions
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
  e BOOLEAN,
  f STRING,
  g STRING,
  h STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, REGEXP_REPLACE(s, '[aeiou]', '_'), REGEXP_REPLACE(s, '(l+)', '<$1>'), REGEXP_EXTRACT(s, '([a-z]+)o', 1),
  REGEXP_EXTRACT(s, 'W.*'), REGEXP(s, '^[a-z]+$'), SPLIT_INDEX(s, ',', 1), SPLIT_INDEX(s, ',', 2), SPLIT_INDEX(s, ',', 9)
FROM words;
