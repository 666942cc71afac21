-- UNION ALL keeps duplicates and unifies types (INT with BIGINT, CHAR with STRING)
-- order: any
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

CREATE TABLE words (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/words.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id BIGINT,
  what STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, 'n' FROM ints UNION ALL SELECT CAST(id AS BIGINT), s FROM words UNION ALL SELECT id, 'n' FROM ints WHERE id < 3;
