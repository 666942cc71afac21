-- SET of the time zone works on later statements, RESET takes it back
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
  zone STRING,
  t STRING
) WITH (
  'connector' = 'print'
);

SET 'table.local-time-zone' = 'America/Los_Angeles';
INSERT INTO sink SELECT 'la', CAST(TO_TIMESTAMP_LTZ(ms, 3) AS STRING) FROM times WHERE id = 1;
SET 'table.local-time-zone' = 'UTC';
INSERT INTO sink SELECT 'utc', CAST(TO_TIMESTAMP_LTZ(ms, 3) AS STRING) FROM times WHERE id = 1;
RESET 'table.local-time-zone';
INSERT INTO sink SELECT 'default', CAST(TO_TIMESTAMP_LTZ(ms, 3) AS STRING) FROM times WHERE id = 1;
