-- STR_TO_MAP with delimiters that are regular expressions
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
  a MAP<STRING, STRING>,
  b MAP<STRING, STRING>,
  c MAP<STRING, STRING>,
  d MAP<STRING, STRING>,
  e MAP<STRING, STRING>,
  f MAP<STRING, STRING>
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT STR_TO_MAP('ab', '|', '='), STR_TO_MAP('a.1,b.2', ',', '.'), STR_TO_MAP('a=1, b=2', ',\s*', '='), STR_TO_MAP('a1b2c', '[0-9]', '='), STR_TO_MAP('a=1,', ',', '='), STR_TO_MAP(',a=1=2', ',', '=') FROM times WHERE id = 1;
