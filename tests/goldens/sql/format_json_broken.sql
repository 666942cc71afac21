-- json: a malformed line fails the job
CREATE TABLE t (
  id INT,
  name STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/broken.json',
  'format' = 'json'
);

CREATE TABLE sink (
  id INT,
  name STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM t;
