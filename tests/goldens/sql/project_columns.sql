-- projection: order, renaming, repeated column, constant columns, row kind +I and text of NULL
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
  id INT,
  again INT,
  uno INT,
  word STRING,
  nothing STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, order_id AS id, order_id, 1, 'x', CAST(NULL AS STRING) FROM orders;
