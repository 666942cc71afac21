-- subqueries in FROM, nested, with renamed columns
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
SELECT c, total FROM (
  SELECT customer AS c, price * n AS total FROM (
    SELECT customer, amount AS price, qty AS n FROM orders WHERE qty IS NOT NULL
  ) WHERE n > 0
) AS t (c, total) WHERE total > 10;
