-- HOP: a late row still counts in those of its windows that have not fired
CREATE TABLE events (
  id INT,
  k STRING,
  v INT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/late.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  n BIGINT,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT window_start, window_end, COUNT(*), SUM(v)
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND))
GROUP BY window_start, window_end;
