-- TRY_CAST from STRING to DATE, TIME and TIMESTAMP
CREATE TABLE texts (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/texts.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  d DATE,
  t TIME(0),
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, TRY_CAST(s AS DATE), TRY_CAST(s AS TIME), TRY_CAST(s AS TIMESTAMP(3)) FROM texts WHERE id NOT IN (1, 3);
INSERT INTO sink SELECT id, TRY_CAST(txt AS DATE), TRY_CAST(txt AS TIME), TRY_CAST(txt AS TIMESTAMP(3)) FROM times;
