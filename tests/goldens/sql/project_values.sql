-- INSERT INTO … VALUES, with types unified over the rows
-- order: any
CREATE TABLE sink (
  a INT,
  b STRING,
  c DECIMAL(5, 2)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink VALUES (1, 'x', 1.5), (2, CAST(NULL AS STRING), 22.25), (-3, 'long er', 0);
