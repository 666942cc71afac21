-- GROUP BY an expression, the select list repeats it
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
  big BOOLEAN,
  first_letter STRING,
  n BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT amount > 6, SUBSTRING(customer, 1, 1), COUNT(*) FROM orders GROUP BY amount > 6, SUBSTRING(customer, 1, 1);
