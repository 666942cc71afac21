-- WHERE over an aggregating subquery, an update may turn into +I or -D or half an update
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
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, s FROM (SELECT k, SUM(v) AS s FROM pairs GROUP BY k) WHERE s > 5;
