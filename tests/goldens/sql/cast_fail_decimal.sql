-- a failing CAST from STRING to DECIMAL(10, 2) fails the job
CREATE TABLE texts (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/texts.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  v DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(s AS DECIMAL(10, 2)) FROM texts WHERE id = 7;
