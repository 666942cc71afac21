-- windows of a day and of two hours around midnight, the epoch and a daylight-saving change (none is applied to TIMESTAMP)
SET 'table.local-time-zone' = 'Europe/Berlin';

CREATE TABLE days (
  id INT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '60' YEAR
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/days.csv',
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
FROM TABLE(TUMBLE(TABLE days, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY window_start, window_end;
INSERT INTO sink
SELECT window_start, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE days, DESCRIPTOR(ts), INTERVAL '2' HOUR))
GROUP BY window_start, window_end;
