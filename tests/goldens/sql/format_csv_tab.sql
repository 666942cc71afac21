-- csv: tab as delimiter given as \t, no quote character, escape character
CREATE TABLE tabs (
  id INT,
  a STRING,
  b STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/tabs.csv',
  'format' = 'csv',
  'csv.field-delimiter' = '\t',
  'csv.escape-character' = '\'
);

CREATE TABLE sink (
  id INT,
  a STRING,
  b STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT * FROM tabs;
