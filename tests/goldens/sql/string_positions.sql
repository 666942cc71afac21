-- LOCATE and INSTR: where they begin, and the empty text
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
  a INT,
  b INT,
  c INT,
  d INT,
  e INT,
  f INT,
  g INT,
  h INT,
  i INT,
  j INT,
  k INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT LOCATE('b', 'abc', 0), LOCATE('b', 'abc', -1), LOCATE('', 'abc', 2), LOCATE('', 'abc'), LOCATE('b', 'abc', 3), LOCATE('c', '😀c'), LOCATE('c', '😀c', 2), LOCATE('', '', 1), LOCATE('', 'abc', 9), LOCATE('a', 'abc', 1), LOCATE('', 'abc', 0) FROM times WHERE id = 1;
