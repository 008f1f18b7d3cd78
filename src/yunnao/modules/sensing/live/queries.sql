-- name: database_id
SELECT id FROM sensing.live;

-- name: texts_upsert
-- One row for each series of the batch, in one order for all writers; as new as what is there wins,
-- as it does in the table's columns.
INSERT INTO sensing.latest_text AS l (series, time, value_text)
SELECT t.series, 'epoch'::timestamptz + t.time_us * interval '1 microsecond', t.value_text
FROM unnest(%(series)s::int[], %(time_us)s::bigint[], %(texts)s::text[]) AS t (series, time_us, value_text)
ORDER BY t.series
ON CONFLICT (series) DO UPDATE SET time = excluded.time, value_text = excluded.value_text
WHERE excluded.time >= l.time;

-- name: rebuild_begin
-- One picture of all partitions, none of which is dropped meanwhile; it may take longer than a request.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0;
LOCK TABLE sensing.reading, sensing.reading_run IN ACCESS SHARE MODE;

-- name: hot_parts
-- Every hot partition and how many pages it has.
SELECT t.relid::regclass::text AS name,
       pg_relation_size(t.relid) / current_setting('block_size')::int AS pages
FROM (SELECT relid, isleaf FROM pg_partition_tree('sensing.reading')
      UNION ALL SELECT relid, isleaf FROM pg_partition_tree('sensing.reading_run')) AS t
WHERE t.isleaf ORDER BY 1;

-- name: hot_readings
-- By ranges of pages, which the server reads without an index and the driver takes as three arrays.
-- The value of a textual reading is not a number.
SELECT array_agg(series), array_agg(time), array_agg(coalesce(value, 'NaN'))
FROM {part} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid;

-- name: watch_restart
UPDATE sensing.watch SET watching_since = greatest(watching_since, %(now)s) WHERE lane = ANY(%(lanes)s);

-- name: registry_version
SELECT version, coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false) AS own FROM sensing.registry;

-- name: products_list
SELECT product, spec FROM sensing.product ORDER BY product;

-- name: districts_and_owners
-- The few that occur; steps from one to the next through the indexes instead of over every device.
WITH RECURSIVE district AS (
    (SELECT district AS code FROM sensing.device WHERE district IS NOT NULL ORDER BY district LIMIT 1)
    UNION ALL
    SELECT (SELECT d.district FROM sensing.device d WHERE d.district > district.code ORDER BY d.district LIMIT 1)
    FROM district WHERE district.code IS NOT NULL
), owner AS (
    (SELECT owner AS code FROM sensing.device WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (SELECT d.owner FROM sensing.device d WHERE d.owner > owner.code ORDER BY d.owner LIMIT 1)
    FROM owner WHERE owner.code IS NOT NULL
)
SELECT ARRAY(SELECT code FROM district WHERE code IS NOT NULL) AS districts,
       ARRAY(SELECT code FROM owner WHERE code IS NOT NULL) AS owners;

-- name: numbers_last
SELECT (SELECT coalesce(max(number), 0) FROM sensing.device) AS device,
       (SELECT coalesce(max(series), 0) FROM sensing.series) AS series;

-- name: devices_changed
-- Devices of a range of numbers that changed after a version, as columns; products, districts and
-- owners by their place in the lists given, -1 where they are in none.
SELECT array_agg(d.number), array_agg(coalesce(p.place, 0)::int - 1), array_agg(coalesce(d.lon, 'NaN')),
       array_agg(coalesce(d.lat, 'NaN')), array_agg(coalesce(a.place, 0)::int - 1),
       array_agg(coalesce(o.place, 0)::int - 1), array_agg((d.standing <> 'retired')::int)
FROM sensing.device d
LEFT JOIN unnest(%(products)s::text[]) WITH ORDINALITY AS p (product, place) ON p.product = d.product
LEFT JOIN unnest(%(districts)s::text[]) WITH ORDINALITY AS a (code, place) ON a.code = d.district
LEFT JOIN unnest(%(owners)s::text[]) WITH ORDINALITY AS o (code, place) ON o.code = d.owner
WHERE d.number BETWEEN %(first)s AND %(last)s AND d.changed > %(version)s;

-- name: series_of_changed
-- The series of devices that changed after a version, of a range of numbers of series.
SELECT array_agg(s.series), array_agg(s.device), array_agg(coalesce(m.place, 0)::int - 1)
FROM sensing.series s
JOIN sensing.device d ON d.number = s.device
LEFT JOIN unnest(%(metrics)s::text[]) WITH ORDINALITY AS m (metric, place) ON m.metric = s.metric
WHERE s.series BETWEEN %(first)s AND %(last)s AND d.changed > %(version)s;

-- name: devices_by_id
SELECT number, id, name, product, entity, lon, lat FROM sensing.device WHERE id = ANY(%(ids)s) ORDER BY id;

-- name: devices_of_entity
SELECT number, id, name, product, entity, lon, lat FROM sensing.device
WHERE entity = %(entity)s AND standing <> 'retired' ORDER BY id LIMIT %(limit)s;

-- name: devices_by_number
SELECT number, id, name, product, entity, lon, lat FROM sensing.device
WHERE number = ANY(%(numbers)s) ORDER BY number;

-- name: texts
SELECT series, value_text FROM sensing.latest_text WHERE series = ANY(%(series)s);

-- name: quarantined
-- Bounded by the rows that the quarantine may hold.
SELECT count(*) AS held, count(*) FILTER (WHERE reason = 'unknown') AS strangers
FROM sensing.quarantine WHERE state = 'held';

-- name: net_count_keep
-- The last count of a minute stands for it.
INSERT INTO sensing.net_count (slot, devices, online, never)
VALUES (date_bin('1 minute', %(now)s, 'epoch'::timestamptz), %(devices)s, %(online)s, %(never)s)
ON CONFLICT (slot) DO UPDATE SET devices = excluded.devices, online = excluded.online, never = excluded.never;

-- name: net_count_prune
DELETE FROM sensing.net_count WHERE slot < %(before)s;

-- name: trend
-- Each table is folded into steps once; steps without a row stay, so that a gap shows as one. Before the
-- first count of the intake nothing is known, after it no count means no readings.
WITH bounds AS (
    SELECT date_bin(%(step)s, %(now)s, 'epoch'::timestamptz) AS until,
           date_bin(%(step)s, %(now)s, 'epoch'::timestamptz) - %(span)s::interval AS since
), intake AS (
    SELECT date_bin(%(step)s, slot, 'epoch'::timestamptz) AS time,
           sum(stored)::float8 AS stored, sum(refused)::float8 AS refused
    FROM sensing.intake_count, bounds WHERE slot >= since AND slot < until GROUP BY 1
), net AS (
    SELECT date_bin(%(step)s, slot, 'epoch'::timestamptz) AS time,
           avg(devices)::float8 AS devices, avg(online)::float8 AS online, avg(never)::float8 AS never
    FROM sensing.net_count, bounds WHERE slot >= since AND slot < until GROUP BY 1
), first AS (
    SELECT min(slot) AS slot FROM sensing.intake_count
)
SELECT time,
       CASE WHEN time >= date_bin(%(step)s, first.slot, 'epoch'::timestamptz)
            THEN coalesce(stored, 0) / extract(epoch FROM %(step)s::interval)::float8 END AS readings_per_s,
       CASE WHEN time >= date_bin(%(step)s, first.slot, 'epoch'::timestamptz)
            THEN coalesce(refused, 0) / extract(epoch FROM %(step)s::interval)::float8 END AS refused_per_s,
       devices, online, never
FROM bounds, first, generate_series(since, until - %(step)s::interval, %(step)s::interval) AS time
LEFT JOIN intake USING (time) LEFT JOIN net USING (time)
ORDER BY time;
