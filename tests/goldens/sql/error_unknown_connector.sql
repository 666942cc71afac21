-- a connector that does not exist
CREATE TABLE src (
  id INT
) WITH (
  'connector' = 'carrier-pigeon'
);

CREATE TABLE sink (
  id INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id FROM src;
