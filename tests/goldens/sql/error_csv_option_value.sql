-- a csv delimiter of two characters
CREATE TABLE src (
  id INT,
  k STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL',
  'csv.field-delimiter' = '||'
);

CREATE TABLE sink (
  id INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id FROM src;
