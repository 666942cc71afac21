-- JSON_VALUE with ERROR ON EMPTY fails the job
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
  a STRING
) WITH (
  'connector' = 'print'
);

CREATE VIEW docs AS
SELECT id, '{"n": ' || CAST(id AS STRING) || ', "a": {"b": [1, 2, "x"]}, "t": true, "z": null}' AS doc, s FROM words;

INSERT INTO sink
SELECT id, JSON_VALUE(doc, 'lax $.missing' ERROR ON EMPTY) FROM docs;
