-- a sink cannot take two rowtime attributes (ts and window_time)
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
  k STRING,
  v INT,
  ts TIMESTAMP(3),
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  wt TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT * FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND));
