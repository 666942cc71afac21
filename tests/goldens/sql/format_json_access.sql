-- json: access to nested fields, array elements and map values, also of NULL parents
CREATE TABLE people (
  id INT,
  `user` ROW<name STRING, address ROW<city STRING, zip INT>>,
  tags ARRAY<STRING>,
  attrs MAP<STRING, INT>,
  ok BOOLEAN,
  amount DECIMAL(10, 2),
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/nested.json',
  'format' = 'json'
);

CREATE TABLE sink (
  id INT,
  city STRING,
  zip INT,
  tag STRING,
  n INT,
  k INT,
  user_known BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT id, people.`user`.address.city, p.zip, tags[1], CARDINALITY(tags), attrs['k'], `user` IS NOT NULL FROM (SELECT id, `user`, tags, attrs, `user`.address AS p FROM people) AS people;
