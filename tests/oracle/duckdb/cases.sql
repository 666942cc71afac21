-- What DuckDB is asked. `-- case: NAME` names a golden, or brings a script of its
-- own that ends at `-- duckdb:`. The queries are written from the meaning of the
-- script, not from its result.

-- case: group_count
-- duckdb:
SELECT customer, count(*), count(qty) FROM orders GROUP BY customer

-- case: group_sum
-- duckdb:
SELECT customer, sum(qty), sum(qty), sum(amount::DOUBLE), sum(amount) FROM orders GROUP BY customer

-- case: group_avg
-- duckdb:
SELECT customer, trunc(avg(qty))::INT, trunc(avg(qty))::BIGINT, avg(qty::DOUBLE),
  round(sum(amount)::DECIMAL(38, 8) / count(amount), 6)::DECIMAL(38, 6) FROM orders GROUP BY customer

-- case: group_min_max
-- duckdb:
SELECT customer, min(amount), max(amount), max(qty), min(ts), max(ts) FROM orders GROUP BY customer

-- case: group_min_max_string
-- duckdb:
SELECT min(s), max(s) FROM words

-- case: group_global
-- duckdb:
SELECT count(*), sum(qty), min(customer), max(customer), trunc(avg(qty))::INT FROM orders

-- case: group_distinct_count
-- duckdb:
SELECT customer, count(qty), count(DISTINCT qty), sum(DISTINCT qty), count(DISTINCT amount) FROM orders GROUP BY customer

-- case: group_distinct_filter
-- duckdb:
SELECT count(DISTINCT customer), count(DISTINCT qty) FILTER (WHERE qty > 0),
  count(DISTINCT amount) FILTER (WHERE customer = 'bob') FROM orders

-- case: group_filter
-- duckdb:
SELECT customer, count(*), count(*) FILTER (WHERE qty > 1), sum(qty) FILTER (WHERE amount > 6),
  max(amount) FILTER (WHERE qty IS NOT NULL) FROM orders GROUP BY customer

-- case: group_two_keys
-- duckdb:
SELECT customer, count(*), sum(qty) FROM orders GROUP BY customer, qty

-- case: group_expression
-- duckdb:
SELECT amount > 6, substring(customer, 1, 1), count(*) FROM orders GROUP BY ALL

-- case: group_having
-- duckdb:
SELECT customer, count(*), sum(qty) FROM orders GROUP BY customer HAVING sum(qty) BETWEEN 2 AND 5

-- case: group_having_hidden
-- duckdb:
SELECT k, sum(v) FROM pairs GROUP BY k HAVING count(*) >= 2

-- case: group_where_over
-- duckdb:
SELECT k, s FROM (SELECT k, sum(v) AS s FROM pairs GROUP BY k) WHERE s > 5

-- case: group_of_group
-- duckdb:
SELECT n, count(*) FROM (SELECT k, count(*) AS n FROM pairs GROUP BY k) GROUP BY n

-- case: group_retract_sum
-- duckdb:
SELECT sum(m), trunc(avg(m))::INT, count(m), count(k) FROM (SELECT k, max(v) AS m FROM pairs GROUP BY k)

-- case: group_retract_min_max
-- duckdb:
SELECT min(s), max(s), min(k), count(*) FROM (SELECT k, sum(v) AS s FROM pairs GROUP BY k)

-- case: group_retract_group
-- duckdb:
SELECT n % 2, count(*), max(k) FROM (SELECT k, count(*) AS n FROM pairs WHERE k IS NOT NULL GROUP BY k) GROUP BY n % 2

-- case: group_retract_distinct
-- duckdb:
SELECT count(DISTINCT m), sum(DISTINCT m) FROM (SELECT k, max(v) AS m FROM pairs GROUP BY k)

-- case: group_stddev
-- duckdb:
SELECT k, stddev_pop(v), stddev_samp(v), var_pop(v), var_samp(v) FROM pairs GROUP BY k

-- case: group_double_keys
-- duckdb:
SELECT d, t > 0, count(*) FROM (SELECT d, t FROM nums UNION ALL SELECT d, t FROM nums) GROUP BY ALL

-- case: group_alias
-- duckdb:
SELECT kind, sum(v)::DOUBLE / count(*), max(v) - min(v), count(v) || ' rows'
FROM (SELECT CASE WHEN v > 4 THEN 'high' ELSE 'low' END AS kind, v FROM pairs) GROUP BY kind

-- case: project_distinct
-- duckdb:
SELECT DISTINCT customer FROM orders

-- case: project_distinct_columns
-- duckdb:
SELECT DISTINCT k, v FROM pairs

-- case: project_union_distinct
-- duckdb:
SELECT k FROM pairs WHERE id < 6 UNION SELECT k FROM pairs WHERE id > 4

-- case: project_case
-- duckdb:
SELECT order_id, CASE WHEN amount >= 20 THEN 'large' WHEN amount > 5 THEN 'middle' WHEN amount IS NULL THEN 'none'
  ELSE 'small' END, CASE customer WHEN 'alice' THEN 'A' WHEN 'bob' THEN 'B' END, coalesce(customer, 'nobody'),
  nullif(qty, 2), CASE WHEN qty > 2 THEN 'many' ELSE 'few' END, coalesce(qty, -1),
  CASE WHEN qty IS NOT NULL THEN greatest(qty, order_id, 4) END, CASE WHEN qty IS NOT NULL THEN least(qty, order_id, 4) END
FROM orders

-- case: project_logic
-- duckdb:
SELECT id, x > 0 AND y > 0, x > 0 OR y > 0, NOT x > 0, (x > 0) IS NOT DISTINCT FROM true,
  (x > 0) IS DISTINCT FROM false, (x > y) IS NULL, x IS DISTINCT FROM y, x IS NOT DISTINCT FROM nullif(x, 7), x = y
FROM ints

-- case: project_in_null
-- duckdb:
SELECT id, x IN (7, 3), x NOT IN (7, NULL), x IN (7, NULL) FROM ints

-- case: project_cte
-- duckdb:
SELECT customer, amount * qty FROM orders WHERE qty > 1 AND amount IS NOT NULL

-- case: number_math
-- duckdb:
SELECT id, pow(y, 3), sqrt(y + 2), ln(y + 3), log10(y + 3), log2(y + 3), ln(y + 3) / ln(3), exp(y), pi(), exp(1) FROM ints

-- case: window_tumble
-- duckdb:
SELECT window_start, window_start + INTERVAL 10 SECOND AS window_end, count(*), sum(v)
FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts) AS window_start FROM seen)
WHERE on_time(watermark, window_start + INTERVAL 10 SECOND) GROUP BY ALL

-- case: window_tumble_key
-- duckdb:
SELECT window_start, window_start + INTERVAL 10 SECOND AS window_end, k, count(*), sum(v), min(v), max(v)
FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts) AS window_start FROM seen)
WHERE on_time(watermark, window_start + INTERVAL 10 SECOND) GROUP BY ALL

-- case: window_offset
-- duckdb:
SELECT window_start, window_start + INTERVAL 10 SECOND AS window_end, count(*)
FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts, INTERVAL 3 SECOND) AS window_start FROM seen)
WHERE on_time(watermark, window_start + INTERVAL 10 SECOND) GROUP BY ALL

-- case: window_distinct
-- duckdb:
SELECT window_start, window_start + INTERVAL 20 SECOND AS window_end, count(DISTINCT k), count(*) FILTER (WHERE v > 3),
  sum(DISTINCT v), trunc(avg(v))::INT, avg(v::DOUBLE)
FROM (SELECT *, time_bucket(INTERVAL 20 SECOND, ts) AS window_start FROM seen)
WHERE on_time(watermark, window_start + INTERVAL 20 SECOND) GROUP BY ALL

-- case: window_hop
-- duckdb:
SELECT window_start, window_start + INTERVAL 10 SECOND AS window_end, count(*), sum(v)
FROM (SELECT *, time_bucket(INTERVAL 5 SECOND, ts) - to_seconds(5 * step) AS window_start FROM seen, range(2) AS steps(step))
WHERE on_time(watermark, window_start + INTERVAL 10 SECOND) GROUP BY ALL

-- case: window_late_hop
-- duckdb:
SELECT window_start, window_start + INTERVAL 20 SECOND AS window_end, count(*), sum(v)
FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts) - to_seconds(10 * step) AS window_start
  FROM seen_late, range(2) AS steps(step))
WHERE on_time(watermark, window_start + INTERVAL 20 SECOND) GROUP BY ALL

-- case: window_then_group
-- duckdb:
SELECT n, count(*) FROM (SELECT window_start, count(*) AS n
  FROM (SELECT *, time_bucket(INTERVAL 10 SECOND, ts) AS window_start FROM seen)
  WHERE on_time(watermark, window_start + INTERVAL 10 SECOND) GROUP BY ALL) GROUP BY n

-- case: flights_per_carrier
CREATE TABLE flights (
  scheduled TIMESTAMP(3), carrier STRING, flight INT, origin STRING, dest STRING,
  departure_delay INT, arrival_delay INT, distance INT
) WITH ('connector' = 'filesystem', 'path' = '${FLIGHTS}/flights-2013-01.csv', 'format' = 'csv',
  'csv.null-literal' = '');
CREATE TABLE sink (
  carrier STRING, n BIGINT, flown BIGINT, late BIGINT, worst INT, best INT, mean DOUBLE, destinations BIGINT, miles BIGINT
) WITH ('connector' = 'print');
INSERT INTO sink SELECT carrier, COUNT(*), COUNT(departure_delay), COUNT(*) FILTER (WHERE departure_delay > 15),
  MAX(departure_delay), MIN(departure_delay), AVG(CAST(departure_delay AS DOUBLE)), COUNT(DISTINCT dest),
  SUM(CAST(distance AS BIGINT))
FROM flights GROUP BY carrier;
-- duckdb:
SELECT carrier, count(*), count(departure_delay), count(*) FILTER (WHERE departure_delay > 15), max(departure_delay),
  min(departure_delay), avg(departure_delay), count(DISTINCT dest), sum(distance) FROM flights GROUP BY carrier

-- case: flights_carriers_by_rank
CREATE TABLE flights (
  scheduled TIMESTAMP(3), carrier STRING, flight INT, origin STRING, dest STRING,
  departure_delay INT, arrival_delay INT, distance INT
) WITH ('connector' = 'filesystem', 'path' = '${FLIGHTS}/flights-2013-01.csv', 'format' = 'csv',
  'csv.null-literal' = '');
CREATE TABLE sink (hundreds BIGINT, routes BIGINT, longest INT) WITH ('connector' = 'print');
INSERT INTO sink SELECT n / 100, COUNT(*), MAX(miles)
FROM (SELECT origin, dest, COUNT(*) AS n, MAX(distance) AS miles FROM flights GROUP BY origin, dest)
GROUP BY n / 100;
-- duckdb:
SELECT n // 100, count(*), max(miles)
FROM (SELECT origin, dest, count(*) AS n, max(distance) AS miles FROM flights GROUP BY ALL) GROUP BY ALL

-- case: flights_per_hour
CREATE TABLE flights (
  scheduled TIMESTAMP(3), carrier STRING, flight INT, origin STRING, dest STRING,
  departure_delay INT, arrival_delay INT, distance INT,
  WATERMARK FOR scheduled AS scheduled - INTERVAL '31' DAY
) WITH ('connector' = 'filesystem', 'path' = '${FLIGHTS}/flights-2013-01.csv', 'format' = 'csv',
  'csv.null-literal' = '');
CREATE TABLE sink (
  ws TIMESTAMP(3), origin STRING, n BIGINT, cancelled BIGINT, carriers BIGINT, late INT
) WITH ('connector' = 'print');
INSERT INTO sink SELECT window_start, origin, COUNT(*), COUNT(*) FILTER (WHERE departure_delay IS NULL),
  COUNT(DISTINCT carrier), MAX(departure_delay)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(scheduled), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, origin;
-- duckdb:
SELECT time_bucket(INTERVAL 1 HOUR, scheduled) AS ws, origin, count(*), count(*) FILTER (WHERE departure_delay IS NULL),
  count(DISTINCT carrier), max(departure_delay) FROM flights GROUP BY ALL
