-- which texts the csv format quotes when writing: characters up to the delimiter, and texts over 24 characters
CREATE TABLE long_words (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/long.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE written (
  id INT,
  s STRING
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

INSERT INTO written SELECT id, s FROM long_words;
INSERT INTO sink SELECT line FROM lines;
