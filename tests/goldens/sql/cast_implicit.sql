-- implicit casts: comparison of mixed numbers, of text with a number and with a date
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
  id INT,
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN,
  d BOOLEAN,
  e DOUBLE
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT order_id, qty = 2.0, qty < amount, customer = CAST('bob' AS CHAR(5)), ts > '2024-01-01 00:00:05', qty + 1e0 FROM orders;
