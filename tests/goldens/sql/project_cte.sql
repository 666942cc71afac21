-- WITH: two common table expressions, one using the other
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
  c STRING,
  total DECIMAL(21, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
WITH big AS (SELECT customer, amount, qty FROM orders WHERE qty > 1),
  priced (c, total) AS (SELECT customer, amount * qty FROM big)
SELECT c, total FROM priced WHERE total IS NOT NULL;
