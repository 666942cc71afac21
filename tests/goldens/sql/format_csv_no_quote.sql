-- csv: quote handling disabled
CREATE TABLE words (
  a STRING,
  b STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/tabs.csv',
  'format' = 'csv',
  'csv.field-delimiter' = '|',
  'csv.disable-quote-character' = 'true',
  'csv.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  a STRING,
  b STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM words;
