-- TRIM, LTRIM, RTRIM, BTRIM, TRIM of other characters
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
  f STRING,
  g STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, '[' || TRIM(s) || ']', '[' || LTRIM(s) || ']', '[' || RTRIM(s) || ']', TRIM(BOTH 'h' FROM s),
  TRIM(LEADING 'h' FROM s), TRIM(TRAILING 'o' FROM s), BTRIM(s, 'ho')
FROM words;
