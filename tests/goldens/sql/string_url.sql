-- URLs as java.net.URL reads them
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
  i STRING
) WITH (
  'connector' = 'print'
);

INSERT INTO sink
SELECT PARSE_URL('mailto:a@b?k=v', 'HOST'), PARSE_URL('mailto:a@b?k=v', 'PATH'), PARSE_URL('mailto:a@b?k=v', 'QUERY'), PARSE_URL('mailto:a@b?k=v', 'REF'), PARSE_URL('mailto:a@b?k=v', 'PROTOCOL'), PARSE_URL('mailto:a@b?k=v', 'FILE'), PARSE_URL('mailto:a@b?k=v', 'AUTHORITY'), PARSE_URL('mailto:a@b?k=v', 'USERINFO'), PARSE_URL('mailto:a@b?k=v', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('http:/x/y?k=1', 'HOST'), PARSE_URL('http:/x/y?k=1', 'PATH'), PARSE_URL('http:/x/y?k=1', 'QUERY'), PARSE_URL('http:/x/y?k=1', 'REF'), PARSE_URL('http:/x/y?k=1', 'PROTOCOL'), PARSE_URL('http:/x/y?k=1', 'FILE'), PARSE_URL('http:/x/y?k=1', 'AUTHORITY'), PARSE_URL('http:/x/y?k=1', 'USERINFO'), PARSE_URL('http:/x/y?k=1', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('jar:file:/a.jar!/b', 'HOST'), PARSE_URL('jar:file:/a.jar!/b', 'PATH'), PARSE_URL('jar:file:/a.jar!/b', 'QUERY'), PARSE_URL('jar:file:/a.jar!/b', 'REF'), PARSE_URL('jar:file:/a.jar!/b', 'PROTOCOL'), PARSE_URL('jar:file:/a.jar!/b', 'FILE'), PARSE_URL('jar:file:/a.jar!/b', 'AUTHORITY'), PARSE_URL('jar:file:/a.jar!/b', 'USERINFO'), PARSE_URL('jar:file:/a.jar!/b', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('http://[::1]:8/x', 'HOST'), PARSE_URL('http://[::1]:8/x', 'PATH'), PARSE_URL('http://[::1]:8/x', 'QUERY'), PARSE_URL('http://[::1]:8/x', 'REF'), PARSE_URL('http://[::1]:8/x', 'PROTOCOL'), PARSE_URL('http://[::1]:8/x', 'FILE'), PARSE_URL('http://[::1]:8/x', 'AUTHORITY'), PARSE_URL('http://[::1]:8/x', 'USERINFO'), PARSE_URL('http://[::1]:8/x', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('foo://H/x', 'HOST'), PARSE_URL('foo://H/x', 'PATH'), PARSE_URL('foo://H/x', 'QUERY'), PARSE_URL('foo://H/x', 'REF'), PARSE_URL('foo://H/x', 'PROTOCOL'), PARSE_URL('foo://H/x', 'FILE'), PARSE_URL('foo://H/x', 'AUTHORITY'), PARSE_URL('foo://H/x', 'USERINFO'), PARSE_URL('foo://H/x', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('http://u:p@h:80/p?k=1#r', 'HOST'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'PATH'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'QUERY'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'REF'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'PROTOCOL'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'FILE'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'AUTHORITY'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'USERINFO'), PARSE_URL('http://u:p@h:80/p?k=1#r', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('HTTP://H.de', 'HOST'), PARSE_URL('HTTP://H.de', 'PATH'), PARSE_URL('HTTP://H.de', 'QUERY'), PARSE_URL('HTTP://H.de', 'REF'), PARSE_URL('HTTP://H.de', 'PROTOCOL'), PARSE_URL('HTTP://H.de', 'FILE'), PARSE_URL('HTTP://H.de', 'AUTHORITY'), PARSE_URL('HTTP://H.de', 'USERINFO'), PARSE_URL('HTTP://H.de', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL(' http://h/a b?k=a=b#', 'HOST'), PARSE_URL(' http://h/a b?k=a=b#', 'PATH'), PARSE_URL(' http://h/a b?k=a=b#', 'QUERY'), PARSE_URL(' http://h/a b?k=a=b#', 'REF'), PARSE_URL(' http://h/a b?k=a=b#', 'PROTOCOL'), PARSE_URL(' http://h/a b?k=a=b#', 'FILE'), PARSE_URL(' http://h/a b?k=a=b#', 'AUTHORITY'), PARSE_URL(' http://h/a b?k=a=b#', 'USERINFO'), PARSE_URL(' http://h/a b?k=a=b#', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('http://h?k=1', 'HOST'), PARSE_URL('http://h?k=1', 'PATH'), PARSE_URL('http://h?k=1', 'QUERY'), PARSE_URL('http://h?k=1', 'REF'), PARSE_URL('http://h?k=1', 'PROTOCOL'), PARSE_URL('http://h?k=1', 'FILE'), PARSE_URL('http://h?k=1', 'AUTHORITY'), PARSE_URL('http://h?k=1', 'USERINFO'), PARSE_URL('http://h?k=1', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('//h/x', 'HOST'), PARSE_URL('//h/x', 'PATH'), PARSE_URL('//h/x', 'QUERY'), PARSE_URL('//h/x', 'REF'), PARSE_URL('//h/x', 'PROTOCOL'), PARSE_URL('//h/x', 'FILE'), PARSE_URL('//h/x', 'AUTHORITY'), PARSE_URL('//h/x', 'USERINFO'), PARSE_URL('//h/x', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('http://h:x/', 'HOST'), PARSE_URL('http://h:x/', 'PATH'), PARSE_URL('http://h:x/', 'QUERY'), PARSE_URL('http://h:x/', 'REF'), PARSE_URL('http://h:x/', 'PROTOCOL'), PARSE_URL('http://h:x/', 'FILE'), PARSE_URL('http://h:x/', 'AUTHORITY'), PARSE_URL('http://h:x/', 'USERINFO'), PARSE_URL('http://h:x/', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('file:///a/b', 'HOST'), PARSE_URL('file:///a/b', 'PATH'), PARSE_URL('file:///a/b', 'QUERY'), PARSE_URL('file:///a/b', 'REF'), PARSE_URL('file:///a/b', 'PROTOCOL'), PARSE_URL('file:///a/b', 'FILE'), PARSE_URL('file:///a/b', 'AUTHORITY'), PARSE_URL('file:///a/b', 'USERINFO'), PARSE_URL('file:///a/b', 'QUERY', 'k') FROM times WHERE id = 1;
INSERT INTO sink
SELECT PARSE_URL('url:http://h/p', 'HOST'), PARSE_URL('url:http://h/p', 'PATH'), PARSE_URL('url:http://h/p', 'QUERY'), PARSE_URL('url:http://h/p', 'REF'), PARSE_URL('url:http://h/p', 'PROTOCOL'), PARSE_URL('url:http://h/p', 'FILE'), PARSE_URL('url:http://h/p', 'AUTHORITY'), PARSE_URL('url:http://h/p', 'USERINFO'), PARSE_URL('url:http://h/p', 'QUERY', 'k') FROM times WHERE id = 1;
