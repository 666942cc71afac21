-- JSON_QUERY sorts keys and writes numbers as BigDecimal; JSON_EXISTS of null; what counts as JSON
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
  j STRING,
  k STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT JSON_QUERY('{"b":1,"a":2}', '$'), JSON_QUERY('[1e3, 1.50, 1E-10, 0.0001, 1e5, 100000000000000000000, -0.0]', '$'), JSON_VALUE('{"a":1e5}', '$.a'), CAST(JSON_EXISTS('{"n":null}', '$.n') AS STRING),
  CAST('1 2' IS JSON AS STRING), CAST('{"a":1}x' IS JSON AS STRING), JSON_QUERY('{"b":{"z":1,"y":[{"d":1,"c":2}]},"a":2}', '$.b'), JSON_VALUE('null', 'lax $' NULL ON EMPTY DEFAULT 'e' ON ERROR),
  CAST(JSON_EXISTS('{"a":1}x', '$.a') AS STRING), JSON_VALUE('{"a":1.10}', '$.a'), JSON_QUERY('{"a":1} x', '$') FROM times WHERE id = 1;
INSERT INTO sink
SELECT JSON_VALUE('{"a":1.5E-7}', '$.a'), JSON_VALUE('{"a":100000000000000000000}', '$.a'), JSON_VALUE('{"a":-0}', '$.a'), JSON_VALUE('{"a":0e5}', '$.a'), JSON_VALUE('{"a":1.0}', '$.a'),
  CAST('[1]]' IS JSON AS STRING), CAST('"a"b' IS JSON SCALAR AS STRING), CAST('tru' IS JSON AS STRING), CAST('truex' IS JSON AS STRING), CAST('' IS JSON AS STRING), CAST('1x' IS JSON AS STRING) FROM times WHERE id = 1;
INSERT INTO sink
SELECT JSON_VALUE('null', 'lax $' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), JSON_VALUE('{"a":null}', 'lax $.a' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), JSON_VALUE('null', '$' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), JSON_VALUE('', 'lax $' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), CAST(JSON_EXISTS('null', '$') AS STRING),
  JSON_QUERY('{"aa":1,"B":2,"a":3,"é":4}', '$'), JSON_VALUE('{"a":1} x', '$.a'), JSON_VALUE('x', 'lax $' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), JSON_VALUE('{"a":[1]}', 'lax $.a' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR), JSON_VALUE('{"a":1e400}', '$.a'), JSON_VALUE('{"a":[1]}', '$.a' DEFAULT 'm' ON EMPTY DEFAULT 'e' ON ERROR) FROM times WHERE id = 1;
