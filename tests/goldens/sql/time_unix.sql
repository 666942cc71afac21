-- UNIX_TIMESTAMP, FROM_UNIXTIME, CONVERT_TZ
SET 'table.local-time-zone' = 'America/New_York';

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
  id INT,
  a BIGINT,
  b BIGINT,
  c STRING,
  d STRING,
  e STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, UNIX_TIMESTAMP(CAST(ts AS STRING)), UNIX_TIMESTAMP(CASE WHEN id IN (1, 8) THEN txt END, 'yyyy-MM-dd HH:mm:ss'), FROM_UNIXTIME(ms / 1000), FROM_UNIXTIME(ms / 1000, 'yyyyMMdd HH'), CONVERT_TZ('2024-07-01 12:00:00', 'UTC', 'Asia/Kolkata') FROM times WHERE id <> 7;
