-- keywords of other dialects that need no backticks as column names
CREATE TABLE src (
  key INT,
  name STRING,
  type INT
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/pairs.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NULL'
);

CREATE TABLE sink (
  action INT,
  data INT,
  database INT,
  days INT,
  event INT,
  event_time INT,
  first INT,
  id INT,
  index INT,
  keys INT,
  label INT,
  last INT,
  level INT,
  location INT,
  message INT,
  model INT,
  name INT,
  object INT,
  operation INT,
  owner INT,
  password INT,
  path INT,
  plan INT,
  priority INT,
  product INT,
  region INT,
  role INT,
  rowtime INT,
  schema INT,
  score INT,
  session INT,
  size INT,
  source INT,
  state INT,
  status INT,
  tag INT,
  target INT,
  temp INT,
  text INT,
  title INT,
  total INT,
  type INT,
  username INT,
  version INT,
  view INT,
  volume INT,
  zone INT
) WITH (
  'connector' = 'print'
);

CREATE VIEW named AS SELECT key + 0 AS action, key + 1 AS data, key + 2 AS database, key + 3 AS days, key + 4 AS event, key + 5 AS event_time, key + 6 AS first, key + 7 AS id, key + 8 AS index, key + 9 AS keys, key + 10 AS label, key + 11 AS last, key + 12 AS level, key + 13 AS location, key + 14 AS message, key + 15 AS model, key + 16 AS name, key + 17 AS object, key + 18 AS operation, key + 19 AS owner, key + 20 AS password, key + 21 AS path, key + 22 AS plan, key + 23 AS priority, key + 24 AS product, key + 25 AS region, key + 26 AS role, key + 27 AS rowtime, key + 28 AS schema, key + 29 AS score, key + 30 AS session, key + 31 AS size, key + 32 AS source, key + 33 AS state, key + 34 AS status, key + 35 AS tag, key + 36 AS target, key + 37 AS temp, key + 38 AS text, key + 39 AS title, key + 40 AS total, key + 41 AS type, key + 42 AS username, key + 43 AS version, key + 44 AS view, key + 45 AS volume, key + 46 AS zone FROM src WHERE name = 'a' AND type > 0;
INSERT INTO sink SELECT action, data, database, days, event, event_time, first, id, index, keys, label, last, level, location, message, model, name, object, operation, owner, password, path, plan, priority, product, region, role, rowtime, schema, score, session, size, source, state, status, tag, target, temp, text, title, total, type, username, version, view, volume, zone FROM named;
