-- COUNT(DISTINCT) and SUM(DISTINCT), also next to plain ones
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
  d BIGINT,
  sd INT,
  dd BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, COUNT(qty), COUNT(DISTINCT qty), SUM(DISTINCT qty), COUNT(DISTINCT amount) FROM orders GROUP BY customer;
