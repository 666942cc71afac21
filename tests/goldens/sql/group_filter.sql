-- aggregates with FILTER (WHERE …)
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
  a BIGINT,
  b BIGINT,
  c INT,
  d DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, COUNT(*), COUNT(*) FILTER (WHERE qty > 1), SUM(qty) FILTER (WHERE amount > 6), MAX(amount) FILTER (WHERE qty IS NOT NULL) FROM orders GROUP BY customer;
