-- WEEK, QUARTER and SECOND units of TIMESTAMPADD and TIMESTAMPDIFF
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
  c INT,
  d INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TIMESTAMPADD(WEEK, 1, ts), TIMESTAMPADD(QUARTER, 1, ts), TIMESTAMPDIFF(WEEK, TIMESTAMP '2024-01-01 00:00:00', ts), TIMESTAMPDIFF(QUARTER, TIMESTAMP '2023-01-01 00:00:00', ts) FROM times WHERE id <> 7;
