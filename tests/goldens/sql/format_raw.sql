-- raw: one STRING column per line
CREATE TABLE t (
  line STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${DATA}/lines.txt',
  'format' = 'raw'
);

CREATE TABLE sink (
  line STRING,
  n INT
) WITH (
  'connector' = 'print'
);

INSERT INTO sink SELECT line, CHAR_LENGTH(line) FROM t;
