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
