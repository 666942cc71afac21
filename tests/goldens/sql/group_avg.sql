-- AVG keeps the integer type and truncates; AVG of DECIMAL has scale 6
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
  ai INT,
  ab BIGINT,
  ad DOUBLE,
  adec DECIMAL(38, 6)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, AVG(qty), AVG(CAST(qty AS BIGINT)), AVG(CAST(qty AS DOUBLE)), AVG(amount) FROM orders GROUP BY customer;
