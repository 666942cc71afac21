-- csv.null-literal of the empty string: empty fields are NULL of every type
CREATE TABLE t (
  id INT,
  s STRING,
  n INT,
  d DOUBLE
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/gaps.csv',
  'format' = 'csv',
  'csv.null-literal' = ''
);

CREATE TABLE sink (
  id INT,
  s STRING,
  n INT,
  d DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM t;
