-- CHAR(n) pads, VARCHAR(n) cuts when cast; the length of a sink column is not enforced by default
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
  a STRING,
  b STRING,
  n INT,
  d VARCHAR(3),
  e CHAR(7)
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, '[' || CAST(s AS CHAR(7)) || ']', '[' || CAST(s AS VARCHAR(3)) || ']', CHAR_LENGTH(CAST(s AS CHAR(7))), CAST(s AS VARCHAR(3)), CAST(s AS CHAR(7)) FROM words;
