-- integer arithmetic: division truncates towards zero, MOD and % take the sign of the dividend, overflow wraps
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
  a INT,
  b INT,
  c INT,
  d INT,
  m INT,
  p INT,
  n INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, x + y, x - y, x * y, x / y, MOD(x, y), x % y, -x FROM ints;
