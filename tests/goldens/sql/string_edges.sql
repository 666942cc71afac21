-- rows compared with NULL inside, types of hashes, and other functions at their edges
CREATE TABLE times (
  id INT,
  ts TIMESTAMP(3),
  d DATE,
  t TIME(0),
  ms BIGINT,
  txt STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/times.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING,
  b STRING,
  c STRING,
  d STRING,
  e STRING,
  f STRING,
  g STRING,
  h STRING,
  i STRING,
  j STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT CAST((id, txt) = (1, CAST(NULL AS STRING)) AS STRING), CAST((id, txt) <> (2, CAST(NULL AS STRING)) AS STRING), CAST((id, txt) IN ((1, 'a'), (1, CAST(NULL AS STRING))) AS STRING),
  CAST((id, txt) = (1, '2024-01-01 10:20:30') AS STRING), TYPEOF(MD5(txt)), TYPEOF(SHA1(txt)), TYPEOF(SHA224(txt)), TYPEOF(SHA512(txt)), TYPEOF(SHA2(txt, 256)), TYPEOF(LEFT('abc', 1)) FROM times WHERE id = 1;
INSERT INTO sink
SELECT HEX(DECODE(UNHEX('ABC'), 'ISO-8859-1')), HEX(DECODE(UNHEX('A4142'), 'ISO-8859-1')), CAST(SQRT(CAST('-Infinity' AS DOUBLE)) AS STRING), CAST(SQRT(CAST('-0.0' AS DOUBLE)) AS STRING), SPLIT_INDEX('  a b', '', 0),
  SPLIT_INDEX('  a b', '', 2), SPLIT_INDEX('a  b', '', 1), CAST(SPLIT('a😀', '') AS STRING), CAST((id, txt) NOT IN ((2, 'a')) AS STRING), CAST((id, txt) = (2, CAST(NULL AS STRING)) AS STRING) FROM times WHERE id = 1;
