-- names are case-sensitive: columns that differ by case only; keywords and functions in any case
CREATE TABLE T (
  id INT,
  K STRING,
  k INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  K STRING,
  k INT,
  u STRING
) WITH (
  'connector' = 'print'
);

insert into sink Select K, k, uPPer(K) As U From T where K = 'a' aND id > 0;
