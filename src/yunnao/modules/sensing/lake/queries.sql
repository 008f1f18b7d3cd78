-- name: keeper_lock
-- Of a session: PostgreSQL releases it with the connection of a killed keeper.
SELECT pg_try_advisory_lock(7202043) AS taken;

-- name: keeper_unlock
-- The connection goes back to the pool, and would take the lock with it.
SELECT pg_advisory_unlock(7202043);

-- name: hot_partitions
-- Both tables' partitions; a table that is not there has none.
SELECT p.relname AS parent, c.relname AS name, pg_relation_size(c.oid) AS bytes
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_namespace n ON n.oid = p.relnamespace
WHERE n.nspname = 'sensing' AND p.relname IN ('reading', 'reading_run')
ORDER BY c.relname;

-- name: sealed_open
SELECT number, starts_at, ends_at, partitions FROM sensing.sealed WHERE state = 'open';

-- name: sealed_recently
-- Spans that were sealed a short while ago: what came late since then waits for more of its kind.
SELECT starts_at, ends_at FROM sensing.sealed WHERE finished_at > %(since)s;

-- name: sealed_begin
INSERT INTO sensing.sealed (number, starts_at, ends_at, partitions, begun_at)
VALUES (nextval('sensing.lake_change'), %(starts_at)s, %(ends_at)s, %(partitions)s, %(now)s)
RETURNING number;

-- name: sealed_finish
-- No row where another keeper has finished it: then nothing more is to be done.
UPDATE sensing.sealed SET state = 'done', readings = %(readings)s, finished_at = %(now)s
WHERE number = %(number)s AND state = 'open' RETURNING number;

-- name: sealed_prune
DELETE FROM sensing.sealed WHERE state = 'done' AND finished_at < %(before)s;

-- name: change_number
SELECT nextval('sensing.lake_change') AS number;

-- name: series_newest_number
SELECT coalesce(max(series), 0) AS series FROM sensing.series;

-- name: late_hours
SELECT DISTINCT date_trunc('hour', time, 'UTC') AS hour FROM sensing.late_reading;

-- name: late_restore
-- Back among the hot readings, in the partitions made for them; a later sealing takes them.
WITH late AS (DELETE FROM sensing.late_reading RETURNING series, time, value, value_text)
INSERT INTO sensing.reading (series, time, value, value_text)
SELECT series, time, value, value_text FROM late
ON CONFLICT DO NOTHING;

-- name: day_sealed
INSERT INTO sensing.lake_day AS d (day, sealed)
SELECT day, %(number)s FROM unnest(%(days)s::date[]) AS day
ON CONFLICT (day) DO UPDATE SET sealed = greatest(d.sealed, excluded.sealed), expired = '{}';

-- name: days_loose
-- Days that ended before `before` and got readings since they were last rewritten.
SELECT day, compacted FROM sensing.lake_day WHERE compacted < sealed AND day < %(before)s ORDER BY day LIMIT %(limit)s;

-- name: days_expiring
-- Days wholly before their product's oldest day that still hold its readings.
SELECT d.day, array_agg(t.product ORDER BY t.product) AS products
FROM sensing.lake_day d
JOIN unnest(%(products)s::text[], %(oldest)s::date[]) AS t (product, oldest)
  ON d.day < t.oldest AND NOT t.product = ANY(d.expired)
GROUP BY d.day ORDER BY d.day LIMIT %(limit)s;

-- name: day_rewritten
UPDATE sensing.lake_day d SET compacted = %(number)s,
    expired = ARRAY(SELECT DISTINCT e FROM unnest(d.expired || %(expired)s::text[]) AS e ORDER BY e)
WHERE day = %(day)s;

-- name: products_with_retention
SELECT product, (spec ->> 'retention_days')::int AS days
FROM sensing.product WHERE (spec ->> 'retention_days') IS NOT NULL ORDER BY product;

-- name: series_of_products
SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE d.product = ANY(%(products)s) ORDER BY s.series;

-- name: hot_parts
-- date_bin counts in whole microseconds, and once for each reading; numbers of buckets are for groups.
SELECT p.place AS "group",
       (extract(epoch FROM p.bin) * 1000000 - %(origin_us)s)::bigint / %(width_us)s AS bucket,
       p.n, p.sum, p.min, p.max
FROM (
    SELECT w.place, date_bin(%(width)s, r.time, %(origin)s) AS bin,
           count(*) AS n, sum(v) AS sum, min(v) AS min, max(v) AS max
    FROM ({rows}) AS r JOIN unnest(%(numbers)s::int[], %(places)s::int[]) AS w (series, place) USING (series)
    GROUP BY 1, 2
) AS p;
