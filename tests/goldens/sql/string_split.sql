-- SPLIT, STR_TO_MAP, SPLIT_INDEX by character code, PARSE_URL
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
  a ARRAY<STRING>,
  n INT,
  f STRING,
  m MAP<STRING, STRING>,
  i STRING,
  u STRING,
  q STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, SPLIT(s, ','), CARDINALITY(SPLIT(s, ',')), SPLIT(s, ',')[1], STR_TO_MAP('a=1,b=2'), SPLIT_INDEX(s, 44, 1),
  PARSE_URL('https://example.org/p/a?x=1&y=2#r', 'HOST'), PARSE_URL('https://example.org/p/a?x=1&y=2#r', 'QUERY', 'y')
FROM words WHERE id IN (1, 2, 3, 6);
