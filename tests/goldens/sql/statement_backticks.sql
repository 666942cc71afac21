-- identifiers in backticks: keywords, blanks, dots, unicode, a doubled backtick
CREATE TABLE `my table` (
  id INT,
  `select` STRING,
  `größe.1` INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  `from` STRING,
  `a b` INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT `t`.`select`, `größe.1` AS `we``ird` FROM `my table` AS `t` WHERE `t`.`größe.1` > 4;
