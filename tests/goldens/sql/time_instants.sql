-- TIMESTAMP and TIMESTAMP_LTZ compared: as TIMESTAMP_LTZ in the session's zone
SET 'table.local-time-zone' = 'Europe/Berlin';

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
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN,
  d BOOLEAN,
  e BOOLEAN,
  f BOOLEAN,
  g BOOLEAN,
  h BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, ts = TO_TIMESTAMP_LTZ(ms, 3), ts < TO_TIMESTAMP_LTZ(ms, 3), TO_TIMESTAMP_LTZ(ms, 3) > TIMESTAMP '2024-01-01 00:30:00',
  TO_TIMESTAMP_LTZ(ms, 3) >= TIMESTAMP '2024-01-01 01:00:00', ts BETWEEN TO_TIMESTAMP_LTZ(0, 3) AND CURRENT_TIMESTAMP, ts < NOW(),
  TO_TIMESTAMP_LTZ(ms, 3) > '2024-01-01 00:30:00', TO_TIMESTAMP_LTZ(ms, 3) IN (TIMESTAMP '2024-01-01 01:00:00', TIMESTAMP '1970-01-01 01:00:00')
FROM times WHERE id <> 8;
