-- csv: a declared column beyond the end of the line is NULL when errors are ignored
CREATE TABLE wide (
  id INT,
  k STRING,
  v INT,
  more STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL',
  'csv.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  id INT,
  k STRING,
  v INT,
  more STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM wide;
