-- LISTAGG with the default and an own separator, NULL skipped
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
  a STRING,
  b STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, LISTAGG(CAST(v AS STRING)), LISTAGG(CAST(v AS STRING), ' / ') FROM pairs GROUP BY k;
