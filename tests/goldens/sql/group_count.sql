-- COUNT(*), COUNT(col) and the changelog of one update per row; NULL is a group
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
  nq BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, COUNT(*), COUNT(qty) FROM orders GROUP BY customer;
