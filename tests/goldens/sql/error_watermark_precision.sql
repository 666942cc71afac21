-- a watermark on TIMESTAMP(6)
CREATE TABLE src (
  id INT,
  ts TIMESTAMP(6),
  WATERMARK FOR ts AS ts
) WITH (
  'connector' = 'datagen'
);
