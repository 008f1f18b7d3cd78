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
LOCK TABLE sensing.reading IN ACCESS SHARE MODE;

-- name: hot_parts
-- Every hot partition and how many pages it has.
SELECT t.relid::regclass::text AS name,
       pg_relation_size(t.relid) / current_setting('block_size')::int AS pages
FROM (SELECT relid, isleaf FROM pg_partition_tree('sensing.reading')
      UNION ALL SELECT relid, isleaf FROM pg_partition_tree(to_regclass('sensing.reading_run'))) AS t
WHERE t.isleaf ORDER BY 1;

-- name: hot_readings
-- By ranges of pages, which the server reads without an index and the driver takes as three arrays.
-- The value of a textual reading is not a number.
SELECT array_agg(series), array_agg(time), array_agg(coalesce(value, 'NaN'))
FROM {part} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid;

-- name: watch_restart
UPDATE sensing.watch SET watching_since = greatest(watching_since, %(now)s) WHERE lane = ANY(%(lanes)s);
