-- json.ignore-parse-errors = true: bad fields are NULL, malformed lines are skipped
CREATE TABLE t (
  id INT,
  name STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/broken.json',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
);

CREATE TABLE sink (
  id INT,
  name STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM t;
