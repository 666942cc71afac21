-- WHERE with comparison, BETWEEN, IN, LIKE, IS NULL; a NULL condition drops the row
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
  customer STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT order_id, customer FROM orders WHERE amount > 5 AND qty BETWEEN 1 AND 3;
INSERT INTO sink SELECT order_id, customer FROM orders WHERE customer IN ('alice', 'dave') OR customer IS NULL;
INSERT INTO sink SELECT order_id, customer FROM orders WHERE customer <> 'bob';
INSERT INTO sink SELECT order_id, customer FROM orders WHERE NOT (qty > 1);
INSERT INTO sink SELECT order_id, customer FROM orders WHERE customer NOT LIKE '%o%' AND customer <> '';
