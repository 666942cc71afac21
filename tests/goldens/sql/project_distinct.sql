-- SELECT DISTINCT over an insert-only stream, NULL and empty string are different rows
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
  customer STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT DISTINCT customer FROM orders;
