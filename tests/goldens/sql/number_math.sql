-- POWER, SQRT, LN, LOG10, LOG2, LOG, EXP, PI, E
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
  p DOUBLE,
  s DOUBLE,
  l DOUBLE,
  l10 DOUBLE,
  l2 DOUBLE,
  lg DOUBLE,
  ex DOUBLE,
  pi DOUBLE,
  e DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, POWER(y, 3), SQRT(y + 2), LN(y + 3), LOG10(y + 3), LOG2(y + 3), LOG(3, y + 3), EXP(y), PI(), E()
FROM ints;
