-- array functions: ARRAY_CONTAINS, ARRAY_POSITION, ELEMENT, out of range access, ARRAY_DISTINCT, ARRAY_JOIN
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
  b INT,
  c INT,
  d INT,
  e ARRAY<INT>,
  f STRING,
  g ARRAY<INT>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, ARRAY_CONTAINS(ARRAY[1, 7, x], y), ARRAY_POSITION(ARRAY[1, 2, 7], x), ELEMENT(ARRAY[x]), ARRAY[1, x][3],
  ARRAY_DISTINCT(ARRAY[x, y, x]), ARRAY_JOIN(ARRAY['a', CAST(x AS STRING), 'c'], '-'), ARRAY_REVERSE(ARRAY[x, y])
FROM ints;
