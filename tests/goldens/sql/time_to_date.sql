-- TO_DATE without a format: unreadable text gives NULL; with a format
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
  a DATE,
  b DATE,
  c DATE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TO_DATE(txt), TO_DATE(CASE WHEN id = 5 THEN txt END, 'yyyy/MM/dd HH:mm'), TO_DATE(CASE WHEN id IN (1, 8) THEN txt END, 'yyyy-M-d H:m:s') FROM times;
