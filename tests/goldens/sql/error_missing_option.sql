-- a filesystem table without a path
CREATE TABLE src (
  id INT
) WITH (
  'connector' = 'filesystem',
  'format' = 'csv'
);

CREATE TABLE sink (
  id INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id FROM src;
