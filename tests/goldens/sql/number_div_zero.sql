-- integer division by zero fails the job
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
  a INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, x / (id - 2) FROM ints;
