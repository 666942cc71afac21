-- OR REPLACE does not replace a view that exists
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

CREATE VIEW few AS SELECT k, v FROM pairs;
CREATE OR REPLACE VIEW few AS SELECT k, v FROM pairs WHERE id < 4;

INSERT INTO sink TABLE few;
