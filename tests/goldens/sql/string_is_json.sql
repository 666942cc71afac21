-- IS JSON and its kinds
-- order: any
CREATE TABLE sink (
  s STRING,
  a BOOLEAN,
  b BOOLEAN,
  c BOOLEAN,
  d BOOLEAN,
  e BOOLEAN,
  f BOOLEAN,
  g BOOLEAN
) WITH (
  'connector' = 'print'
);

CREATE VIEW texts (s) AS
VALUES ('{"a": 1}'), ('[1, 2]'), ('1'), ('"x"'), ('null'), (' true '), ('x'), (''), ('{"a": }'), (CAST(NULL AS STRING));

INSERT INTO sink
SELECT s, s IS JSON, s IS JSON VALUE, s IS JSON OBJECT, s IS JSON ARRAY, s IS JSON SCALAR, s IS NOT JSON, s IS NOT JSON OBJECT
FROM texts;
