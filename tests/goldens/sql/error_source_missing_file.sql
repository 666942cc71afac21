-- a source file that does not exist
CREATE TABLE src (
  id INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/no_such_file.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id FROM src;
