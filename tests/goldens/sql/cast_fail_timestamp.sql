-- a failing CAST from STRING to TIMESTAMP(3) fails the job
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
  v TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(s AS TIMESTAMP(3)) FROM texts WHERE id = 7;
