-- ARRAY_AGG keeps NULL and the order of arrival
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
  b ARRAY<INT>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, ARRAY_AGG(v) FROM pairs WHERE k IN ('d', 'a') GROUP BY k;
