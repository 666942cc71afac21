-- aggregates over no rows: the global one emits nothing in streaming mode
CREATE TABLE nothing (
  id INT,
  k STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/empty.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  n BIGINT,
  s INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COUNT(*), SUM(id) FROM nothing;
INSERT INTO sink SELECT COUNT(*), SUM(id) FROM nothing GROUP BY k;
