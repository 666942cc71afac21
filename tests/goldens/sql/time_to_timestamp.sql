-- TO_TIMESTAMP with and without a format; what does not fit the format is tried as a plain timestamp or date, then is NULL
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
  a TIMESTAMP(3),
  b TIMESTAMP(3),
  c TIMESTAMP(3),
  d TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TO_TIMESTAMP(txt), TO_TIMESTAMP(txt, 'yyyy/MM/dd HH:mm'), TO_TIMESTAMP(txt, 'yyyy-MM-dd'), TO_TIMESTAMP(txt, 'yyyy-M-d H:m:s') FROM times;
