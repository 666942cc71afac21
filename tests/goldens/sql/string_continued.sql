-- a text that goes on in the next line
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
  a STRING,
  b STRING,
  c STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT 'a'
  'b', TYPEOF('a' -- why
   'b''c'
   'd'), CONCAT('x'
   '', 'y') FROM times WHERE id = 1;
