-- GROUP BY over a view over a view
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

CREATE TEMPORARY VIEW good AS SELECT k, v FROM pairs WHERE v IS NOT NULL;
CREATE TEMPORARY VIEW scaled (name, ten) AS SELECT k, v * 10 FROM good;

CREATE TABLE sink (
  name STRING,
  s INT,
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT name, SUM(ten), COUNT(*) FROM scaled GROUP BY name;
