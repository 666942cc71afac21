-- JSON values in columns of text: numbers as they are written, objects and arrays written again
CREATE TABLE scalars (
  id INT,
  v STRING,
  a ARRAY<STRING>,
  r ROW<x STRING>,
  m MAP<STRING, STRING>
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/scalars.json',
  'format' = 'json'
);

CREATE TABLE sink (
  id INT,
  v STRING,
  a ARRAY<STRING>,
  r ROW<x STRING>,
  m MAP<STRING, STRING>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM scalars;
