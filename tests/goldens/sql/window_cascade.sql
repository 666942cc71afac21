-- a window over a windowed aggregate, by window_time
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

CREATE VIEW small AS
SELECT k, window_time AS rowtime, COUNT(*) AS n, SUM(v) AS s
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY k, window_start, window_end, window_time;

CREATE TABLE sink (
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  parts BIGINT,
  n BIGINT,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT window_start, window_end, COUNT(*), SUM(n), SUM(s)
FROM TABLE(TUMBLE(TABLE small, DESCRIPTOR(rowtime), INTERVAL '30' SECOND))
GROUP BY window_start, window_end;
