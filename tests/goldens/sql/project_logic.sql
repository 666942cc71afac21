-- three-valued logic: AND, OR, NOT, IS TRUE, IS UNKNOWN, IS [NOT] DISTINCT FROM
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
  a BOOLEAN,
  o BOOLEAN,
  n BOOLEAN,
  it BOOLEAN,
  inf BOOLEAN,
  iu BOOLEAN,
  dist BOOLEAN,
  same BOOLEAN,
  eq BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, x > 0 AND y > 0, x > 0 OR y > 0, NOT x > 0, (x > 0) IS TRUE, (x > 0) IS NOT FALSE, (x > y) IS UNKNOWN,
  x IS DISTINCT FROM y, x IS NOT DISTINCT FROM NULLIF(x, 7), x = y
FROM ints;
