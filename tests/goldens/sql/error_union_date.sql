-- a DATE and a TIMESTAMP have no common type in UNION ALL
CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(x AS STRING) FROM (SELECT ts AS x FROM times UNION ALL SELECT d FROM times);
