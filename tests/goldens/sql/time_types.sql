-- types of time functions and of time arithmetic, by TYPEOF
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
  c0 STRING,
  c1 STRING,
  c2 STRING,
  c3 STRING,
  c4 STRING,
  c5 STRING,
  c6 STRING,
  c7 STRING,
  c8 STRING,
  c9 STRING,
  c10 STRING,
  c11 STRING,
  c12 STRING,
  c13 STRING,
  c14 STRING,
  c15 STRING,
  c16 STRING,
  c17 STRING,
  c18 STRING,
  c19 STRING,
  c20 STRING,
  c21 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT
  'TO_TIMESTAMP(txt): ' || TYPEOF(TO_TIMESTAMP(txt)),
  'TO_TIMESTAMP_LTZ(ms, 3): ' || TYPEOF(TO_TIMESTAMP_LTZ(ms, 3)),
  'TO_DATE(txt): ' || TYPEOF(TO_DATE(txt)),
  'CURRENT_TIMESTAMP: ' || TYPEOF(CURRENT_TIMESTAMP),
  'LOCALTIMESTAMP: ' || TYPEOF(LOCALTIMESTAMP),
  'CURRENT_DATE: ' || TYPEOF(CURRENT_DATE),
  'LOCALTIME: ' || TYPEOF(LOCALTIME),
  'NOW(): ' || TYPEOF(NOW()),
  'ts + INTERVAL ''1'' SECOND: ' || TYPEOF(ts + INTERVAL '1' SECOND),
  'd + INTERVAL ''1'' DAY: ' || TYPEOF(d + INTERVAL '1' DAY),
  'TIMESTAMPADD(HOUR, 1, d): ' || TYPEOF(TIMESTAMPADD(HOUR, 1, d)),
  'TIMESTAMPADD(DAY, 1, ts): ' || TYPEOF(TIMESTAMPADD(DAY, 1, ts)),
  'TIMESTAMPDIFF(DAY, ts, ts): ' || TYPEOF(TIMESTAMPDIFF(DAY, ts, ts)),
  'EXTRACT(YEAR FROM ts): ' || TYPEOF(EXTRACT(YEAR FROM ts)),
  'YEAR(ts): ' || TYPEOF(YEAR(ts)),
  'FLOOR(ts TO DAY): ' || TYPEOF(FLOOR(ts TO DAY)),
  'CAST(txt AS TIMESTAMP): ' || TYPEOF(CAST(txt AS TIMESTAMP)),
  'CAST(ts AS DATE): ' || TYPEOF(CAST(ts AS DATE)),
  'UNIX_TIMESTAMP(): ' || TYPEOF(UNIX_TIMESTAMP()),
  'FROM_UNIXTIME(0): ' || TYPEOF(FROM_UNIXTIME(0)),
  'DATE_FORMAT(ts, ''yyyy''): ' || TYPEOF(DATE_FORMAT(ts, 'yyyy')),
  'ts IS NULL: ' || TYPEOF(ts IS NULL)
FROM times WHERE id = 1;
