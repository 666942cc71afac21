-- Windows over TIMESTAMP_LTZ on the days when clocks change: an hour that is there twice, and one that is skipped.
-- order: any
SET 'table.local-time-zone' = 'Europe/Berlin';
CREATE TABLE events (
  ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(ms, 3),
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/clock_change.csv', 'format' = 'csv');

CREATE TABLE hours (w STRING, s TIMESTAMP(3), e TIMESTAMP(3), t TIMESTAMP_LTZ(3), n BIGINT) WITH ('connector' = 'print');

EXECUTE STATEMENT SET BEGIN
INSERT INTO hours
  SELECT 'hour', window_start, window_end, window_time, COUNT(*)
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' HOUR))
  GROUP BY window_start, window_end, window_time;
INSERT INTO hours
  SELECT 'half', window_start, window_end, window_time, COUNT(*)
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '30' MINUTE))
  GROUP BY window_start, window_end, window_time;
INSERT INTO hours
  SELECT 'hop', window_start, window_end, window_time, COUNT(*)
  FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '2' HOUR))
  GROUP BY window_start, window_end, window_time;
END;
