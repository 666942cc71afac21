-- MIN and MAX of numbers, strings and timestamps over an insert-only stream
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

CREATE TABLE sink (
  customer STRING,
  a DECIMAL(10, 2),
  b DECIMAL(10, 2),
  c INT,
  t TIMESTAMP(3),
  u TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, MIN(amount), MAX(amount), MAX(qty), MIN(ts), MAX(ts) FROM orders GROUP BY customer;
