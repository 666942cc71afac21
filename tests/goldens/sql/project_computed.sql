-- computed columns in CREATE TABLE, also over each other’s base columns, and a WHERE on one
CREATE TABLE orders (
  order_id INT,
  customer STRING,
  amount DECIMAL(10, 2),
  qty INT,
  twice AS qty * 2,
  label AS UPPER(customer) || '#' || CAST(order_id AS STRING),
  ts TIMESTAMP(3),
  day_text AS DATE_FORMAT(ts, 'yyyy-MM-dd')
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/orders.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  order_id INT,
  customer STRING,
  amount DECIMAL(10, 2),
  qty INT,
  twice INT,
  label STRING,
  ts TIMESTAMP(3),
  day_text STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM orders WHERE twice > 2;
