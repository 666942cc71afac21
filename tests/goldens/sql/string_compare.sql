-- comparison and ordering of strings: case, empty, unicode, trailing blanks
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
  g STRING,
  l STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, s = 'hello', s > 'a', s < '日', s >= '', s = 'hello ', GREATEST(s, 'i'), LEAST(s, 'i') FROM words;
