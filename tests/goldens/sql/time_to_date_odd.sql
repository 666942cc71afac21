-- TO_DATE with a format that does not fit gives a date far away instead of NULL
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
  id INT,
  a DATE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TO_DATE(txt, 'yyyy-M-d H:m:s') FROM times WHERE id < 7;
