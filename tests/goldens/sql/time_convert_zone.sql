-- CONVERT_TZ with zones as java.util.TimeZone names them
CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING,
  b STRING,
  c STRING,
  d STRING,
  e STRING,
  f STRING,
  g STRING,
  h STRING,
  i STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'PST'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'EST'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'CST'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'IST'),
  CONVERT_TZ('2024-07-01 12:00:00', 'UTC', '+02:00'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'GMT+02:00'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'GMT+2'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'UTC+2'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'GMT+0230') FROM times WHERE id = 1;
INSERT INTO sink
SELECT CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'JST'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'ACT'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'MST'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'HST'),
  CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'CET'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'Europe/Berlin'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'GMT+25'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'europe/berlin'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'GMT+2:30') FROM times WHERE id = 1;
