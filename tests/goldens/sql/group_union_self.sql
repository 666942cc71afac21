-- a view united with itself: computed once, read twice by one operator
-- order: any
CREATE TABLE events (
  id INT,
  k STRING,
  v INT,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/events.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sums (k STRING, total INT) WITH ('connector' = 'print', 'print-identifier' = 'sums');
CREATE TABLE ids (id INT) WITH ('connector' = 'print', 'print-identifier' = 'ids');

CREATE VIEW by_key AS SELECT k, SUM(v) AS total FROM events GROUP BY k;

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO sums SELECT k, total FROM by_key UNION ALL SELECT k, total FROM by_key;
  INSERT INTO ids SELECT id FROM events UNION ALL SELECT id FROM events WHERE id < 9 UNION ALL SELECT id FROM events;
END;
