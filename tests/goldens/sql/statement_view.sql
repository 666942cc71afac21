-- CREATE VIEW and CREATE TEMPORARY VIEW, with column names, replaced after DROP VIEW
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

CREATE VIEW a AS SELECT k, v FROM pairs WHERE v > 3;
CREATE TEMPORARY VIEW b (name, twice) AS SELECT k, v * 2 FROM a;

CREATE TABLE sink (
  name STRING,
  n INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM b;
DROP TEMPORARY VIEW b;
CREATE TEMPORARY VIEW b (name, twice) AS SELECT k, v * 100 FROM a WHERE k = 'a';
INSERT INTO sink SELECT name, twice FROM b;
DROP VIEW IF EXISTS nothing_of_that_name;
