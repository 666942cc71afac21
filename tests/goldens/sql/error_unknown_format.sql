-- a format that does not exist
CREATE TABLE src (
  id INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'xsv'
);

CREATE TABLE sink (
  id INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id FROM src;
