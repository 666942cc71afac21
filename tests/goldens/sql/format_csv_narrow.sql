-- csv: fewer columns declared than in the file fails the job
CREATE TABLE narrow (
  id INT,
  k STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv'
);

CREATE TABLE sink (
  id INT,
  k STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM narrow;
