-- ON CONFLICT DO DEDUPLICATE: the query key differs from the primary key of the sink, the last row of a key stays
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
  n BIGINT,
  k STRING,
  PRIMARY KEY (n) NOT ENFORCED
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COUNT(*), k FROM pairs WHERE k IS NOT NULL GROUP BY k ON CONFLICT DO DEDUPLICATE;
