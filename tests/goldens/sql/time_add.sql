-- TIMESTAMPADD and interval arithmetic, end of month, leap day
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
  a TIMESTAMP(3),
  b TIMESTAMP(3),
  c DATE,
  d DATE,
  e TIMESTAMP(3),
  f TIMESTAMP(3),
  g TIMESTAMP(3),
  h DATE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, TIMESTAMPADD(MONTH, 1, ts), TIMESTAMPADD(SECOND, -90, ts), TIMESTAMPADD(DAY, 1, d), TIMESTAMPADD(YEAR, 1, d),
  ts + INTERVAL '1 02:03:04.005' DAY TO SECOND, ts - INTERVAL '13' MONTH, ts + INTERVAL '90' MINUTE, d - INTERVAL '1' DAY
FROM times WHERE id <> 7;
