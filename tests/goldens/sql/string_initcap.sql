-- INITCAP: only ASCII letters and digits make a word
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
  b STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, INITCAP(s), INITCAP(s || ' abC-dEF 1st o''clock') FROM words;
