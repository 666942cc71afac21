-- two keys, one of them not selected
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
  n BIGINT,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, COUNT(*), SUM(qty) FROM orders GROUP BY customer, qty;
