-- csv: a field that cannot be parsed fails the job
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
  'csv.allow-comments' = 'true'
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
