-- a watermark on a column that is no TIMESTAMP
CREATE TABLE src (
  id INT,
  s STRING,
  WATERMARK FOR s AS s
) WITH (
  'connector' = 'datagen'
);
