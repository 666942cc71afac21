-- TO_TIMESTAMP_LTZ and casts between TIMESTAMP_LTZ and TIMESTAMP in table.local-time-zone, over a daylight-saving change
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
  a TIMESTAMP_LTZ(3),
  b TIMESTAMP(3),
  c STRING,
  d STRING,
  e BIGINT,
  f TIMESTAMP_LTZ(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, TO_TIMESTAMP_LTZ(ms, 3), CAST(TO_TIMESTAMP_LTZ(ms, 3) AS TIMESTAMP(3)), CAST(TO_TIMESTAMP_LTZ(ms, 3) AS STRING),
  DATE_FORMAT(TO_TIMESTAMP_LTZ(ms, 3), 'yyyy-MM-dd HH:mm'), EXTRACT(HOUR FROM TO_TIMESTAMP_LTZ(ms, 3)), CAST(ts AS TIMESTAMP_LTZ(3))
FROM times WHERE id <> 7;
