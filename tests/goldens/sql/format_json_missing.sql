-- json.fail-on-missing-field = true fails the job on a missing field
CREATE TABLE people (
  id INT,
  `user` ROW<name STRING, address ROW<city STRING, zip INT>>,
  tags ARRAY<STRING>,
  attrs MAP<STRING, INT>,
  ok BOOLEAN,
  amount DECIMAL(10, 2),
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/nested.json',
  'format' = 'json',
  'json.fail-on-missing-field' = 'true'
);

CREATE TABLE sink (
  id INT,
  u ROW<name STRING, address ROW<city STRING, zip INT>>,
  tags ARRAY<STRING>,
  attrs MAP<STRING, INT>,
  ok BOOLEAN,
  amount DECIMAL(10, 2),
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM people;
