-- a reserved word as a column name without backticks
CREATE TABLE src (
  id INT,
  order INT
) WITH (
  'connector' = 'datagen'
);
