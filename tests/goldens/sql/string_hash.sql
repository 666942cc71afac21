-- MD5, SHA1, SHA224, SHA256, SHA384, SHA512, SHA2
CREATE TABLE words (
  id INT,
  s STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/words.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  id INT,
  m STRING,
  s1 STRING,
  s224 STRING,
  s256 STRING,
  s2 STRING,
  s384 STRING,
  s512 STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, MD5(s), SHA1(s), SHA224(s), SHA256(s), SHA2(s, 256), SHA384(s), SHA512(s) FROM words WHERE id < 5;
