-- CAST of ARRAY, MAP and ROW to STRING
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
  a STRING,
  b STRING,
  c STRING,
  d STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT CAST(ARRAY['a', customer] AS STRING), CAST(MAP['k', amount] AS STRING), CAST(ROW(order_id, customer, ts) AS STRING), CAST(ARRAY[CAST(amount AS DOUBLE)] AS STRING) FROM orders WHERE order_id < 6;
