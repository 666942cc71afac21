-- COUNT(DISTINCT …) with FILTER, two different distinct columns
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
  a BIGINT,
  b BIGINT,
  c BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COUNT(DISTINCT customer), COUNT(DISTINCT qty) FILTER (WHERE qty > 0), COUNT(DISTINCT amount) FILTER (WHERE customer = 'bob') FROM orders;
