-- CREATE OR REPLACE VIEW, and INSERT INTO a TABLE of a TABLE
CREATE TABLE pairs (
  id INT,
  k STRING,
  v INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);

CREATE OR REPLACE VIEW few AS SELECT k, v FROM pairs WHERE id < 4;

INSERT INTO sink TABLE few;
