-- a NULL into a NOT NULL column of the sink fails the job
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
  x INT NOT NULL
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, x FROM ints;
