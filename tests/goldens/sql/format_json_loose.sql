-- what the json format reads, and what it takes for wrong, of odd times, bytes and lines
CREATE TABLE loose (
  id INT,
  ts TIMESTAMP(3),
  t TIME(0),
  d DATE,
  b BYTES,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/loose.json',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  id INT,
  ts TIMESTAMP(3),
  t TIME(0),
  d DATE,
  b BYTES,
  s STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM loose;
