-- a table that does not exist
CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT k, v FROM nowhere;
