-- SUBSTRING is 1-based; 0, negative and too large positions and lengths; SUBSTR, LEFT, RIGHT
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
  g STRING,
  l STRING,
  r STRING,
  l0 STRING,
  r9 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, SUBSTRING(s FROM 2), SUBSTRING(s, 1, 3), SUBSTRING(s, 0, 3), SUBSTRING(s, -3), SUBSTRING(s, -3, 2),
  SUBSTR(s, 3, 100), SUBSTRING(s, 50), LEFT(s, 2), RIGHT(s, 2), LEFT(s, 0), RIGHT(s, 99)
FROM words;
