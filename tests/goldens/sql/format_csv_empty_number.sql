-- csv without a null literal: an empty field of a numeric column fails the job
CREATE TABLE t (
  id INT,
  s STRING,
  n INT,
  d DOUBLE
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/gaps.csv',
  'format' = 'csv'
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
