-- changes into a sink with a parallelism of its own go by its primary key
-- order: any
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

CREATE TABLE counts (
  customer STRING,
  n BIGINT,
  PRIMARY KEY (customer) NOT ENFORCED
) WITH (
  'connector' = 'print',
  'sink.parallelism' = '2'
);

INSERT INTO counts SELECT customer, COUNT(*) FROM orders WHERE customer IS NOT NULL GROUP BY customer;
