-- EXTRACT of every unit from TIMESTAMP, DATE and TIME
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
  y BIGINT,
  q BIGINT,
  m BIGINT,
  w BIGINT,
  d BIGINT,
  h BIGINT,
  mi BIGINT,
  s BIGINT,
  ms BIGINT,
  doy BIGINT,
  dow BIGINT,
  iso BIGINT,
  hd BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, EXTRACT(YEAR FROM ts), EXTRACT(QUARTER FROM ts), EXTRACT(MONTH FROM ts), EXTRACT(WEEK FROM ts), EXTRACT(DAY FROM ts),
  EXTRACT(HOUR FROM ts), EXTRACT(MINUTE FROM ts), EXTRACT(SECOND FROM ts), EXTRACT(MILLISECOND FROM ts), EXTRACT(DOY FROM ts),
  EXTRACT(DOW FROM ts), EXTRACT(ISOYEAR FROM ts), EXTRACT(HOUR FROM t)
FROM times;
