-- CURRENT_WATERMARK: NULL before the first watermark, then behind the row
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
  id INT,
  w TIMESTAMP(3),
  late BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, CURRENT_WATERMARK(ts), ts <= CURRENT_WATERMARK(ts) FROM events;
