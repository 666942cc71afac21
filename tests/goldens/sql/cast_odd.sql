-- oddities of casts from STRING: a bare number is a DATE of that year and a TIME of that hour, the text t is a DECIMAL
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
  d DATE,
  t TIME(0),
  `dec` DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TRY_CAST(s AS DATE), TRY_CAST(s AS TIME), TRY_CAST(s AS DECIMAL(10, 2)) FROM texts WHERE id IN (1, 3, 13);
