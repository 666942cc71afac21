-- SUM of INT, BIGINT, DOUBLE and DECIMAL; NULL inputs; an unchanged result is not emitted
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
  si INT,
  sb BIGINT,
  sd DOUBLE,
  sdec DECIMAL(38, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT customer, SUM(qty), SUM(CAST(qty AS BIGINT)), SUM(CAST(amount AS DOUBLE)), SUM(amount) FROM orders GROUP BY customer;
