-- the text that the csv format writes for strings (quotes, delimiters, NULL, empty), read back as raw lines
CREATE TABLE words (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/words.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE written (
  id INT,
  s STRING,
  u STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'csv'
);

CREATE TABLE lines (
  line STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'raw'
);

CREATE TABLE sink (
  line STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO written SELECT id, s, UPPER(s) FROM words;
INSERT INTO sink SELECT line FROM lines;
