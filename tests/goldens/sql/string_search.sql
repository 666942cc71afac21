-- POSITION, INSTR, LOCATE, STARTSWITH, ENDSWITH, REPLACE, TRANSLATE
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
  p INT,
  i INT,
  lo INT,
  sw BOOLEAN,
  ew BOOLEAN,
  r STRING,
  tr STRING,
  e INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT id, POSITION('l' IN s), INSTR(s, 'l'), LOCATE('l', s, 4), STARTSWITH(s, 'he'), ENDSWITH(s, 'lo'),
  REPLACE(s, 'l', 'LL'), TRANSLATE(s, 'lo', '01'), POSITION('' IN s)
FROM words;
