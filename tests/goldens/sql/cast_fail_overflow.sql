-- CAST of a text beyond the range of INT fails the job
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
  v INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(s AS INT) FROM texts WHERE id = 10;
