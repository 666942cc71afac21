-- the text that the json format writes for times, rows, arrays and maps
CREATE TABLE orders (
  order_id INT,
  customer STRING,
  amount DECIMAL(10, 2),
  qty INT,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/orders.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE written (
  ts TIMESTAMP(3),
  d DATE,
  r ROW<a INT, b STRING>,
  a ARRAY<INT>,
  m MAP<STRING, DECIMAL(10, 2)>
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'json'
);

CREATE TABLE lines (
  line STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${OUT}/written',
  'format' = 'raw'
);

CREATE TABLE sink (
  line STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO written SELECT ts, CAST(ts AS DATE), ROW(order_id, customer), ARRAY[qty, 1], MAP['k', amount] FROM orders WHERE order_id < 6;
INSERT INTO sink SELECT line FROM lines;
