-- DATE_FORMAT with Java patterns over TIMESTAMP and over STRING
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
  a STRING,
  b STRING,
  c STRING,
  d STRING,
  e STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm:ss.SSS'), DATE_FORMAT(ts, 'yy/M/d h:mm a'), DATE_FORMAT(ts, 'EEE, dd MMM yyyy'), DATE_FORMAT(ts, 'yyyyMMdd''T''HHmmss'), DATE_FORMAT(ts, 'D EEEE') FROM times;
