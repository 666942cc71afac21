-- SIN, COS, TAN, COT, ASIN, ACOS, ATAN, ATAN2, SINH, COSH, TANH, DEGREES, RADIANS
CREATE TABLE ints (
  id INT,
  x INT,
  y INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/ints.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  a DOUBLE,
  b DOUBLE,
  c DOUBLE,
  d DOUBLE,
  e DOUBLE,
  f DOUBLE,
  g DOUBLE,
  h DOUBLE,
  i DOUBLE,
  j DOUBLE,
  k DOUBLE,
  l DOUBLE,
  m DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, SIN(y), COS(y), TAN(y), COT(y), ASIN(y / 2.0), ACOS(y / 2.0), ATAN(y), ATAN2(y, 2), SINH(y), COSH(y), TANH(y), DEGREES(y), RADIANS(y)
FROM ints;
