-- INSERT INTO … PARTITION (col = literal) fills the column
CREATE TABLE pairs (
  id INT,
  k STRING,
  v INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  k STRING,
  v INT,
  day_name STRING
) PARTITIONED BY (day_name) WITH (
  'connector' = 'print'
);

INSERT INTO sink PARTITION (day_name = 'monday') SELECT k, v FROM pairs WHERE id < 3;
