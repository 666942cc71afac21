-- CASE searched and simple, without ELSE, COALESCE, NULLIF, IF, IFNULL, GREATEST, LEAST
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
  size STRING,
  name STRING,
  filled STRING,
  n INT,
  big STRING,
  q INT,
  g INT,
  l INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT order_id,
  CASE WHEN amount >= 20 THEN 'large' WHEN amount > 5 THEN 'middle' WHEN amount IS NULL THEN 'none' ELSE 'small' END,
  CASE customer WHEN 'alice' THEN 'A' WHEN 'bob' THEN 'B' END,
  COALESCE(customer, 'nobody'),
  NULLIF(qty, 2),
  IF(qty > 2, 'many', 'few'),
  IFNULL(qty, -1),
  GREATEST(qty, order_id, 4),
  LEAST(qty, order_id, 4)
FROM orders;
