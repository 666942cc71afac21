-- JSON_VALUE, JSON_EXISTS, JSON_QUERY, IS JSON
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
  c BOOLEAN,
  d STRING,
  e INT,
  f STRING,
  g BOOLEAN,
  h BOOLEAN
) WITH (
  'connector' = 'print'
);

CREATE VIEW docs AS
SELECT id, '{"n": ' || CAST(id AS STRING) || ', "a": {"b": [1, 2, "x"]}, "t": true, "z": null}' AS doc, s FROM words;

INSERT INTO sink
SELECT id, JSON_VALUE(doc, '$.n'), JSON_VALUE(doc, '$.a.b[2]'), JSON_EXISTS(doc, '$.a.c'), JSON_QUERY(doc, '$.a'),
  JSON_VALUE(doc, '$.n' RETURNING INT), JSON_VALUE(doc, 'lax $.missing' DEFAULT 'none' ON EMPTY), doc IS JSON, s IS JSON
FROM docs WHERE id < 4;
