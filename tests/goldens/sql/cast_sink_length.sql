-- text and bytes are cut and padded to the sink's lengths, inside of rows and arrays too
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
  a VARCHAR(2),
  b CHAR(2),
  c CHAR(5),
  d VARBINARY(2),
  e ROW<x VARCHAR(1), y INT>,
  f ARRAY<VARCHAR(1)>,
  g VARCHAR(3),
  h BINARY(2),
  i VARCHAR(1)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, txt, CAST(txt AS CHAR(3)), CAST(txt AS CHAR(3)), CAST(txt AS BYTES), ROW(txt, id), ARRAY[txt, 'abc'], UPPER(txt), CAST(txt AS BINARY(3)), 'abc'
FROM times;
