-- fields of a ROW by name, also nested, and ROW of a NULL
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
  c STRING,
  n INT,
  r ROW<a INT, b ROW<c STRING, d DECIMAL(10, 2)>>
) WITH (
  'connector' = 'print'
);

CREATE VIEW packed AS
SELECT order_id AS id, CAST(ROW(qty, ROW(customer, amount)) AS ROW<a INT, b ROW<c STRING, d DECIMAL(10, 2)>>) AS r FROM orders;

INSERT INTO sink SELECT packed.id, packed.r.b.c, packed.r.a + 1, r FROM packed;
