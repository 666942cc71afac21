-- STDDEV_POP, STDDEV_SAMP, VAR_POP, VAR_SAMP of DOUBLE
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
  a DOUBLE,
  b DOUBLE,
  c DOUBLE,
  d DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, STDDEV_POP(x), STDDEV_SAMP(x), VAR_POP(x), VAR_SAMP(x) FROM (SELECT k, CAST(v AS DOUBLE) AS x FROM pairs) GROUP BY k;
