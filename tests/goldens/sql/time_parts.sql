-- YEAR(), QUARTER(), MONTH(), WEEK(), DAYOFYEAR(), DAYOFMONTH(), DAYOFWEEK(), HOUR(), MINUTE(), SECOND()
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
  dy BIGINT,
  dm BIGINT,
  dw BIGINT,
  h BIGINT,
  mi BIGINT,
  s BIGINT,
  yd BIGINT,
  dd BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, YEAR(ts), QUARTER(ts), MONTH(ts), WEEK(ts), DAYOFYEAR(ts), DAYOFMONTH(ts), DAYOFWEEK(ts), HOUR(ts), MINUTE(ts), SECOND(ts), YEAR(d), DAYOFWEEK(d) FROM times;
