-- ARRAY, MAP and ROW values: construction, access, CARDINALITY, text form
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
  id INT,
  a ARRAY<INT>,
  f INT,
  n INT,
  m MAP<STRING, INT>,
  mv INT,
  missing INT,
  r ROW<x INT, y STRING>,
  t STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT order_id, ARRAY[order_id, qty], ARRAY[order_id, qty][2], CARDINALITY(ARRAY[1, qty]), MAP['a', order_id, 'b', qty],
  MAP['a', order_id]['a'], MAP['a', order_id]['zz'], ROW(order_id, customer), CAST(ARRAY[order_id, qty] AS STRING)
FROM orders;
