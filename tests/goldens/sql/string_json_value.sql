-- JSON_VALUE with RETURNING, ON EMPTY and ON ERROR, lax and strict
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
  c STRING,
  d STRING,
  e STRING,
  f STRING,
  g STRING,
  h STRING,
  i INT,
  j INT,
  k BOOLEAN,
  l DOUBLE,
  m STRING,
  n STRING
) WITH (
  'connector' = 'print'
);

CREATE VIEW docs AS
SELECT id, '{"n": ' || CAST(id AS STRING) || ', "a": {"b": [1, 2, "x"]}, "t": true, "z": null}' AS doc, s FROM words;

INSERT INTO sink
SELECT id,
  JSON_VALUE(doc, 'lax $.missing' DEFAULT 'none' ON EMPTY),
  JSON_VALUE(doc, 'strict $.missing' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(doc, '$.missing' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(doc, 'lax $.a' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(doc, 'strict $.a' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(doc, 'lax $.z' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(s, 'lax $.x' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(s, 'strict $.x' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR),
  JSON_VALUE(doc, 'lax $.n' RETURNING INT DEFAULT -1 ON EMPTY DEFAULT -2 ON ERROR),
  JSON_VALUE(doc, 'lax $.q' RETURNING INT DEFAULT -1 ON EMPTY),
  JSON_VALUE(doc, 'lax $.t' RETURNING BOOLEAN NULL ON EMPTY ERROR ON ERROR),
  JSON_VALUE(doc, 'lax $.d' RETURNING DOUBLE NULL ON EMPTY),
  JSON_VALUE(doc, 'strict $.missing' NULL ON EMPTY NULL ON ERROR),
  JSON_VALUE(doc, 'strict $.z' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR)
FROM docs WHERE id < 7;
