-- EXECUTE STATEMENT SET with two sinks over one source, print-identifier tells them apart
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

CREATE TABLE first_rows (
  id INT,
  customer STRING
) WITH (
  'connector' = 'print',
  'print-identifier' = 'one'
);

CREATE TABLE second_rows (
  customer STRING,
  n BIGINT
) WITH (
  'connector' = 'print',
  'print-identifier' = 'two'
);

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO first_rows SELECT order_id, customer FROM orders WHERE qty > 1;
  INSERT INTO second_rows SELECT customer, COUNT(*) FROM orders GROUP BY customer;
END;
