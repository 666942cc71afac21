-- csv without a null literal: an empty field, quoted or not, is an empty STRING; blanks are kept
CREATE TABLE t (
  id INT,
  s STRING,
  u STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/empties.csv',
  'format' = 'csv'
);

CREATE TABLE sink (
  id INT,
  s STRING,
  n INT,
  u STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, s, CHAR_LENGTH(s), u FROM t;
