-- csv: DECIMAL is rounded to the scale, INT from a decimal text, DATE, TIME, BOOLEAN texts, BYTES, ARRAY and ROW
CREATE TABLE t (
  i BIGINT,
  dc DECIMAL(5, 1),
  d DATE,
  t TIME(0),
  b BOOLEAN,
  a ARRAY<INT>,
  r ROW<x INT, y STRING>
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/types.csv',
  'format' = 'csv'
);

CREATE TABLE sink (
  i BIGINT,
  dc DECIMAL(5, 1),
  d DATE,
  t TIME(0),
  b BOOLEAN,
  a ARRAY<INT>,
  r ROW<x INT, y STRING>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM t;
