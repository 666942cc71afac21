-- TRY_CAST from STRING to DECIMAL: rounding, exponent, too many digits
CREATE TABLE texts (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/texts.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  a DECIMAL(10, 2),
  b DECIMAL(5, 0),
  c DECIMAL(38, 3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TRY_CAST(s AS DECIMAL(10, 2)), TRY_CAST(s AS DECIMAL(5, 0)), TRY_CAST(s AS DECIMAL(38, 3)) FROM texts WHERE id <> 13;
