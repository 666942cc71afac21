-- json.timestamp-format.standard = ISO-8601, DATE, TIME and TIMESTAMP_LTZ
CREATE TABLE t (
  id INT,
  ts TIMESTAMP(3),
  lt TIMESTAMP_LTZ(3),
  d DATE,
  t TIME(0)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/iso.json',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE sink (
  id INT,
  ts TIMESTAMP(3),
  lt TIMESTAMP_LTZ(3),
  d DATE,
  t TIME(0)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM t;
