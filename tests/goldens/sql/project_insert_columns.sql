-- INSERT INTO with a column list: missing columns are NULL, order is the list’s
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
  a INT,
  b STRING,
  c BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink (c, a) SELECT qty, order_id FROM orders WHERE order_id < 5;
