-- the text that the csv format writes for dates and times
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

CREATE TABLE written (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  lt TIMESTAMP_LTZ(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'csv'
);

CREATE TABLE lines (
  line STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'raw'
);

CREATE TABLE sink (
  line STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO written SELECT id, ts, d, t, TO_TIMESTAMP_LTZ(ms, 3) FROM times WHERE id <> 7;
INSERT INTO sink SELECT line FROM lines;
