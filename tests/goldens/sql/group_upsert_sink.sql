-- print sink with a PRIMARY KEY: it still receives -U
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
  n BIGINT,
  m INT,
  PRIMARY KEY (k) NOT ENFORCED
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT COALESCE(k, 'none'), COUNT(*), MAX(v) FROM pairs GROUP BY COALESCE(k, 'none');
