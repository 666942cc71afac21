-- derived types of CASE, COALESCE, NULLIF, IF and string functions, by TYPEOF
CREATE TABLE nums (
  id INT,
  t TINYINT,
  sm SMALLINT,
  b BIGINT,
  f FLOAT,
  d DOUBLE,
  `dec` DECIMAL(10, 2)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/nums.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  c0 STRING,
  c1 STRING,
  c2 STRING,
  c3 STRING,
  c4 STRING,
  c5 STRING,
  c6 STRING,
  c7 STRING,
  c8 STRING,
  c9 STRING,
  c10 STRING,
  c11 STRING,
  c12 STRING,
  c13 STRING,
  c14 STRING,
  c15 STRING,
  c16 STRING,
  c17 STRING,
  c18 STRING,
  c19 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT
  'CASE WHEN id > 1 THEN 1 ELSE 2.5 END: ' || TYPEOF(CASE WHEN id > 1 THEN 1 ELSE 2.5 END),
  'CASE WHEN id > 1 THEN ''a'' ELSE ''bcd'' END: ' || TYPEOF(CASE WHEN id > 1 THEN 'a' ELSE 'bcd' END),
  'CASE WHEN id > 1 THEN 1 END: ' || TYPEOF(CASE WHEN id > 1 THEN 1 END),
  'COALESCE(id, 0): ' || TYPEOF(COALESCE(id, 0)),
  'COALESCE(id, b): ' || TYPEOF(COALESCE(id, b)),
  'NULLIF(id, 1): ' || TYPEOF(NULLIF(id, 1)),
  'IF(id > 1, 1, 2): ' || TYPEOF(IF(id > 1, 1, 2)),
  'IF(id > 1, ''a'', ''bcd''): ' || TYPEOF(IF(id > 1, 'a', 'bcd')),
  'IFNULL(id, 0): ' || TYPEOF(IFNULL(id, 0)),
  'GREATEST(id, b): ' || TYPEOF(GREATEST(id, b)),
  'id > 1: ' || TYPEOF(id > 1),
  'id IS NULL: ' || TYPEOF(id IS NULL),
  'UPPER(''a''): ' || TYPEOF(UPPER('a')),
  'SUBSTRING(''abc'', 1, 1): ' || TYPEOF(SUBSTRING('abc', 1, 1)),
  'CONCAT(''a'', ''b''): ' || TYPEOF(CONCAT('a', 'b')),
  'CAST(id AS STRING) || ''x'': ' || TYPEOF(CAST(id AS STRING) || 'x'),
  'LPAD(''a'', 3, ''b''): ' || TYPEOF(LPAD('a', 3, 'b')),
  'id IN (1, 2): ' || TYPEOF(id IN (1, 2)),
  'TRY_CAST(''1'' AS INT): ' || TYPEOF(TRY_CAST('1' AS INT)),
  'CAST(id AS STRING): ' || TYPEOF(CAST(id AS STRING))
FROM nums WHERE id = 1;
