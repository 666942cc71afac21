-- an aggregating view read by two sinks and a windowed one by two: each is computed once
-- order: any
CREATE TABLE events (
  id INT,
  k STRING,
  v INT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '2' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/events.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE all_keys (k STRING, n BIGINT, total INT) WITH ('connector' = 'print', 'print-identifier' = 'all');
CREATE TABLE busy_keys (k STRING, n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'busy');
CREATE TABLE windows (ws TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'windows');
CREATE TABLE late_windows (ws TIMESTAMP(3), n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'late');

CREATE VIEW by_key AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM events GROUP BY k;
CREATE VIEW by_window AS SELECT window_start AS ws, COUNT(*) AS n
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO all_keys SELECT * FROM by_key;
  INSERT INTO busy_keys SELECT k, n FROM by_key WHERE n > 2;
  INSERT INTO windows SELECT * FROM by_window;
  INSERT INTO late_windows SELECT * FROM by_window WHERE ws > TIMESTAMP '2024-01-01 00:00:10';
END;
