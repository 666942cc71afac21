-- LIKE with %, _ and ESCAPE, NOT LIKE, SIMILAR TO
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
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN,
  d BOOLEAN,
  e BOOLEAN,
  f BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, s LIKE 'h%', s LIKE '_ello', s LIKE '100^%^_%' ESCAPE '^', s NOT LIKE '%l%', s SIMILAR TO '(hello|日本)%', s LIKE ''
FROM words;
