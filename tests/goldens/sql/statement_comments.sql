-- comments of both kinds, semicolons and quotes inside literals and comments
/* a block; comment -- with 'quotes */

CREATE TABLE pairs (
  id INT,
  k STRING,
  v INT -- the value; an int
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  a STRING,
  b STRING,
  v INT
) WITH (
  'connector' = 'print'
);

-- it's a comment; with a semicolon
INSERT INTO sink /* here; too */ SELECT '-- no comment;', '/* nor this */', v FROM pairs WHERE k = 'a' -- trailing
;
-- the end
