-- a PRIMARY KEY on a column that does not exist
CREATE TABLE sink (
  k STRING,
  v INT,
  PRIMARY KEY (z) NOT ENFORCED
) WITH (
  'connector' = 'print'
);
