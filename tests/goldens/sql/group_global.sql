-- aggregate without GROUP BY: one row, updated
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
  n BIGINT,
  s INT,
  lo STRING,
  hi STRING,
  a INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COUNT(*), SUM(qty), MIN(customer), MAX(customer), AVG(qty) FROM orders;
