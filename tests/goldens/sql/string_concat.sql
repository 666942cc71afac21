-- || with NULL is NULL, CONCAT with NULL is NULL, CONCAT_WS skips NULL
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

INSERT INTO sink SELECT id, s || '!', CONCAT(s, '-', CAST(id AS STRING)), CONCAT_WS('|', s, CAST(NULL AS STRING), 'z'), CONCAT_WS(CAST(NULL AS STRING), s, 'z') FROM words;
