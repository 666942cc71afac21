-- timestamps before 1970: text, EXTRACT, FLOOR and casts, with their oddities
CREATE TABLE old_times (
  id INT,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/old_times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  ts TIMESTAMP(3),
  y BIGINT,
  d BIGINT,
  h BIGINT,
  ms BIGINT,
  f STRING,
  fd TIMESTAMP(3),
  fy TIMESTAMP(3),
  dt DATE,
  t0 TIMESTAMP(0)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, ts, YEAR(ts), DAYOFMONTH(ts), HOUR(ts), EXTRACT(MILLISECOND FROM ts), DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm:ss'), FLOOR(ts TO DAY), FLOOR(ts TO YEAR), CAST(ts AS DATE), CAST(ts AS TIMESTAMP(0)) FROM old_times;
