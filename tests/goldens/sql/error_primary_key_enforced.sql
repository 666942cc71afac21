-- a PRIMARY KEY without NOT ENFORCED
CREATE TABLE sink (
  k STRING,
  v INT,
  PRIMARY KEY (k)
) WITH (
  'connector' = 'print'
);
