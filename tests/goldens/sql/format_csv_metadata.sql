-- filesystem metadata columns: file.name and file.size, with FROM
CREATE TABLE t (
  id INT,
  k STRING,
  v INT,
  name STRING NOT NULL METADATA FROM 'file.name',
  `file.size` BIGINT NOT NULL METADATA
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  name STRING,
  sz BIGINT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, name, `file.size` FROM t WHERE id < 3;
