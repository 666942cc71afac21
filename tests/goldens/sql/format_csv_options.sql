-- csv: field delimiter, quote character, comment lines, errors ignored (a bad field is NULL or the row is skipped)
CREATE TABLE mess (
  id INT,
  s STRING,
  d DOUBLE,
  b BOOLEAN
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/mess.csv',
  'format' = 'csv',
  'csv.field-delimiter' = ';',
  'csv.quote-character' = '''',
  'csv.allow-comments' = 'true',
  'csv.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  id INT,
  s STRING,
  d DOUBLE,
  b BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM mess;
