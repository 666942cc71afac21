-- re-aggregation by window_start, window_end of a keyed windowed aggregate (two levels, same window)
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
  keys_seen BIGINT,
  best INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT window_start, window_end, COUNT(*), MAX(s) FROM (
  SELECT window_start, window_end, k, SUM(v) AS s
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end, k
) GROUP BY window_start, window_end;
