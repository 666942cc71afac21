-- LIKE with the pattern in a column, with and without ESCAPE
-- order: any
CREATE TABLE out_rows (
  t STRING,
  p STRING,
  plain BOOLEAN,
  escaped BOOLEAN,
  `not` BOOLEAN
) WITH (
  'connector' = 'print'
);

INSERT INTO out_rows
SELECT t, p, t LIKE p, t LIKE p ESCAPE '!', t NOT LIKE p ESCAPE '!'
FROM (VALUES
  ('50%', '50!%'), ('50!x', '50!%'), ('500', '50%'), ('a_b', 'a!_b'), ('axb', 'a!_b'), ('axb', 'a_b'), ('a!b', 'a!!b'),
  ('50%', '50!%'), (CAST(NULL AS STRING), 'a%'), ('abc', CAST(NULL AS STRING))
) AS v (t, p);
