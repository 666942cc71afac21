-- CREATE TABLE of a name that is taken
CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);

CREATE TABLE sink (
  k STRING,
  v INT
) WITH (
  'connector' = 'print'
);
