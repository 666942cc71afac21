-- CURRENT_TIMESTAMP and friends exist, agree and are not NULL
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
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CURRENT_TIMESTAMP > TO_TIMESTAMP_LTZ(1700000000000, 3), CURRENT_DATE >= DATE '2023-11-14', LOCALTIMESTAMP IS NOT NULL FROM ints WHERE id = 1;
