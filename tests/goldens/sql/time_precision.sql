-- text of TIMESTAMP(0), (3), (6), (9) and of TIMESTAMP_LTZ: zeros at the end are cut, seconds of 0 are left out
CREATE TABLE stamps (
  id INT,
  a TIMESTAMP(0),
  b TIMESTAMP(6),
  c TIMESTAMP(9),
  e TIME(0)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/stamps.csv',
  'format' = 'csv'
);

CREATE TABLE sink (
  id INT,
  a TIMESTAMP(0),
  b TIMESTAMP(6),
  c TIMESTAMP(9),
  e TIME(0),
  t1 STRING,
  t2 STRING,
  t3 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, a, b, c, e, CAST(a AS STRING), CAST(b AS STRING), CAST(c AS STRING) FROM stamps;
