-- BEGIN STATEMENT SET; … END; as the SQL client takes it
-- order: any
CREATE TABLE pairs (
  id INT,
  k STRING,
  v INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE a (
  k STRING,
  v INT
) WITH (
  'connector' = 'print',
  'print-identifier' = 'a'
);

CREATE TABLE b (
  n BIGINT
) WITH (
  'connector' = 'print',
  'print-identifier' = 'b'
);

BEGIN STATEMENT SET;
INSERT INTO a SELECT k, v FROM pairs WHERE id < 3;
INSERT INTO b SELECT COUNT(*) FROM pairs WHERE id < 4;
END;
