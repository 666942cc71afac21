-- datagen with sequence fields, bounded by number-of-rows, and a blackhole sink
CREATE TABLE gen (
  n BIGINT,
  m INT
) WITH (
  'connector' = 'datagen',
  'number-of-rows' = '10',
  'fields.n.kind' = 'sequence',
  'fields.n.start' = '5',
  'fields.n.end' = '14',
  'fields.m.kind' = 'sequence',
  'fields.m.start' = '1',
  'fields.m.end' = '100'
);

CREATE TABLE hole (
  n BIGINT
) WITH (
  'connector' = 'blackhole'
);

CREATE TABLE sink (
  n BIGINT,
  m INT
) WITH (
  'connector' = 'print'
);

INSERT INTO hole SELECT n FROM gen;
INSERT INTO sink SELECT n, m FROM gen WHERE MOD(n, 3) = 0;
