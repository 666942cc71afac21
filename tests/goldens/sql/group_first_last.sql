-- FIRST_VALUE and LAST_VALUE skip NULL
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
  f INT,
  l INT,
  fa DECIMAL(10, 2),
  la DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, FIRST_VALUE(qty), LAST_VALUE(qty), FIRST_VALUE(amount), LAST_VALUE(amount) FROM orders GROUP BY customer;
