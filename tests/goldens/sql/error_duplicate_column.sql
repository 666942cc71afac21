-- two columns of one name
CREATE TABLE sink (
  k STRING,
  k INT
) WITH (
  'connector' = 'print'
);
