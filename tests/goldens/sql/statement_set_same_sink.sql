-- two INSERTs into the same sink in one statement set
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

CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);

EXECUTE STATEMENT SET
BEGIN
INSERT INTO sink SELECT k, v FROM pairs WHERE v > 4;
INSERT INTO sink SELECT k, -v FROM pairs WHERE v <= 4;
END;
