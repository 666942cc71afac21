-- regular expressions that match the empty text, and characters outside of the BMP
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
  c STRING,
  d STRING,
  e STRING,
  f STRING,
  g STRING,
  h STRING,
  i STRING,
  j STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT CAST(REGEXP('abc', '') AS STRING), REGEXP_REPLACE('abx', 'x*', '-'), CAST(REGEXP_COUNT('abx', 'x*') AS STRING), CAST(REGEXP_COUNT('a😀b', '') AS STRING), CAST(REGEXP_INSTR('😀b', 'b') AS STRING),
  REPLACE('a😀b', '', '-'), CAST('abc' SIMILAR TO 'a.c' AS STRING), CAST('a.c' SIMILAR TO 'a.c' AS STRING), REGEXP_REPLACE('xxaxx', 'x*', '-'), REGEXP_REPLACE('a😀b', '', '-') FROM times WHERE id = 1;
INSERT INTO sink
SELECT CAST(REGEXP('', 'a*') AS STRING), REGEXP_REPLACE('', 'x*', '-'), CAST(REGEXP_COUNT('', 'x*') AS STRING), REPLACE('', '', '-'), TYPEOF(RIGHT('abc', 1)),
  TYPEOF(TO_TIMESTAMP_LTZ(1, 0)), TYPEOF(TO_TIMESTAMP_LTZ(1e0)), TYPEOF(REPLACE('a', '', '-')), TYPEOF(LOCATE('b', 'abc', 0)), TYPEOF(PARSE_URL('http://h', 'HOST')) FROM times WHERE id = 1;
