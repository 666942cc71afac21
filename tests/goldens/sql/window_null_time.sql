-- a NULL rowtime fails the job
CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING,
  WATERMARK FOR ts AS ts
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  ws TIMESTAMP(3),
  we TIMESTAMP(3),
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT window_start, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE times, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY window_start, window_end;
