-- TUMBLE_START needs the arguments of its TUMBLE
CREATE TABLE events (
  id INT,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'datagen', 'number-of-rows' = '1');

CREATE TABLE sink (
  s TIMESTAMP(3),
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT TUMBLE_START(ts, INTERVAL '2' HOUR), COUNT(*) FROM events GROUP BY TUMBLE(ts, INTERVAL '1' HOUR);
