-- one row far ahead makes everything behind it late
CREATE TABLE events (
  id INT,
  k STRING,
  v INT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/far.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  ids STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT window_start, window_end, LISTAGG(CAST(id AS STRING))
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;
