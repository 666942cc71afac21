-- HAVING, and a WHERE before the window
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

CREATE TABLE sink (
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  k STRING,
  n BIGINT
) WITH (
  'connector' = 'print'
);

CREATE VIEW known AS SELECT * FROM events WHERE k IS NOT NULL;
INSERT INTO sink
SELECT window_start, window_end, k, COUNT(*)
FROM TABLE(TUMBLE(TABLE known, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, k HAVING COUNT(*) > 1;
