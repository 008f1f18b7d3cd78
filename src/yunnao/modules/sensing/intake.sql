-- name: staging_create
-- Late readings are copied here first, because COPY itself cannot pass over those that are known.
-- Temporary: no write-ahead log; one for each connection, emptied by the commit.
CREATE TEMPORARY TABLE IF NOT EXISTS reading_staging (
    series int NOT NULL, time timestamptz NOT NULL, value float8, value_text text
) ON COMMIT DELETE ROWS;

-- name: staging_copy
COPY reading_staging (series, time, value) FROM STDIN (FORMAT BINARY);

-- name: staging_copy_text
COPY reading_staging (series, time, value_text) FROM STDIN;

-- name: reading_copy
COPY sensing.reading (series, time, value) FROM STDIN (FORMAT BINARY);

-- name: reading_copy_text
COPY sensing.reading (series, time, value_text) FROM STDIN;

-- name: run_copy
COPY sensing.reading_run (series, time, value) FROM STDIN (FORMAT BINARY);

-- name: late_insert
-- What was delivered before is passed over: (series, time) is a reading's identity. The bounds let
-- the planner leave out the runs of other hours.
INSERT INTO sensing.reading (series, time, value, value_text)
SELECT s.series, s.time, s.value, s.value_text FROM reading_staging s
WHERE NOT EXISTS (SELECT FROM sensing.reading_run r
                  WHERE r.series = s.series AND r.time = s.time
                    AND r.time BETWEEN %(first)s AND %(last)s)
ON CONFLICT DO NOTHING;

-- name: stored_of
-- Which of the staged readings are stored, in whichever table; the bounds as above.
SELECT s.series, (extract(epoch FROM s.time) * 1000000)::bigint AS time_us FROM reading_staging s
JOIN sensing.reading r ON r.series = s.series AND r.time = s.time AND r.time BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT s.series, (extract(epoch FROM s.time) * 1000000)::bigint FROM reading_staging s
JOIN sensing.reading_run r ON r.series = s.series AND r.time = s.time AND r.time BETWEEN %(first)s AND %(last)s;

-- name: lane_take
-- A new epoch: whoever held the lane before cannot store a batch any more. Waits for one under way.
INSERT INTO sensing.lane AS l (lane, epoch, batch, sequence, arrived_us) VALUES (%(lane)s, 1, 0, 0, 0)
ON CONFLICT (lane) DO UPDATE SET epoch = l.epoch + 1
RETURNING epoch, batch, sequence, arrived_us;

-- name: lane_advance
-- Within a batch's transaction: changes nothing where another worker has taken the lane.
UPDATE sensing.lane SET batch = batch + 1, sequence = %(sequence)s, arrived_us = %(arrived_us)s
WHERE lane = %(lane)s AND epoch = %(epoch)s;

-- name: partitions_list
SELECT c.relname AS name
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'sensing.reading'::regclass;

-- name: partition_lock
-- One worker creates partitions at a time, so that two never create the same.
SELECT pg_advisory_xact_lock(7202001);

-- name: registry_version
SELECT version FROM sensing.registry;

-- name: products_list
SELECT product, scene, spec FROM sensing.product ORDER BY scene, product;

-- name: rules_active
SELECT number, scene, rule, spec FROM sensing.rule WHERE active ORDER BY number;

-- name: devices_lookup
-- Devices with the numbers of their series, all of a batch at once.
SELECT d.number, d.id, d.product, d.entity, d.gateway, g.id AS speaker, d.attributes,
       jsonb_object_agg(s.metric, s.series) AS series
FROM sensing.device d JOIN sensing.series s ON s.device = d.number
LEFT JOIN sensing.device g ON g.number = d.gateway
WHERE d.id = ANY(%(ids)s)
GROUP BY d.number, g.id;

-- name: devices_lookup_numbers
SELECT d.number, d.id, d.product, d.entity, d.gateway, g.id AS speaker, d.attributes,
       jsonb_object_agg(s.metric, s.series) AS series
FROM sensing.device d JOIN sensing.series s ON s.device = d.number
LEFT JOIN sensing.device g ON g.number = d.gateway
WHERE d.number = ANY(%(numbers)s)
GROUP BY d.number, g.id;

-- name: devices_lookup_series
SELECT d.number, d.id, d.product, d.entity, d.gateway, g.id AS speaker, d.attributes,
       jsonb_object_agg(s.metric, s.series) AS series
FROM sensing.device d JOIN sensing.series s ON s.device = d.number
LEFT JOIN sensing.device g ON g.number = d.gateway
WHERE d.number IN (SELECT device FROM sensing.series WHERE series = ANY(%(series)s))
GROUP BY d.number, g.id;

-- name: devices_changed
-- Numbers alone, in one array: a registration of a million devices concerns few that are remembered.
SELECT array_agg(number) AS numbers FROM sensing.device WHERE changed > %(version)s;

-- name: states_of_devices
-- Every rule's state of the batch's devices; few have one. Locked in order.
SELECT device, rule, (extract(epoch FROM since) * 1000000)::bigint AS since_us, alarm
FROM sensing.rule_state WHERE device = ANY(%(devices)s)
ORDER BY device, rule FOR UPDATE;

-- name: states_upsert
-- By whoever does not own the devices' lanes: `changed` tells the owner.
INSERT INTO sensing.rule_state (device, rule, since, alarm, changed)
SELECT t.device, t.rule, 'epoch'::timestamptz + t.since_us * interval '1 microsecond', t.alarm, %(version)s
FROM unnest(%(devices)s::int[], %(rules)s::smallint[], %(since_us)s::bigint[], %(alarms)s::uuid[])
     AS t (device, rule, since_us, alarm)
ORDER BY t.device, t.rule
ON CONFLICT (device, rule) DO UPDATE SET
    since = excluded.since, alarm = excluded.alarm, readings = 0, changed = excluded.changed;

-- name: states_prune
-- Rows that say nothing and that every owner has seen.
DELETE FROM sensing.rule_state
WHERE changed > 0 AND changed < %(before)s AND since IS NULL AND alarm IS NULL;

-- name: alarms_clear
UPDATE sensing.alarm a SET state = 'cleared', cleared_at = t.cleared_at, escalate_at = NULL,
    suppressed_until = NULL
FROM unnest(%(ids)s::uuid[], %(cleared_at)s::timestamptz[]) AS t (id, cleared_at)
WHERE a.id = t.id AND a.state <> 'cleared'
RETURNING a.id, a.rule, a.device, a.severity, a.value, a.message, a.opened_at, a.cleared_at, a.trace_id;

-- name: alarms_insert
-- Where a rule and a device have an alarm that is not cleared, a second is not opened: the empty
-- update makes the first one's id come back.
INSERT INTO sensing.alarm AS a
    (id, rule, device, state, severity, value, message, opened_at, cleared_at, trace_id, lon, lat, district,
     escalate_at)
SELECT * FROM unnest(
    %(ids)s::uuid[], %(rules)s::smallint[], %(devices)s::int[], %(states)s::text[], %(severities)s::text[],
    %(values)s::float8[], %(messages)s::jsonb[], %(opened_at)s::timestamptz[], %(cleared_at)s::timestamptz[],
    %(traces)s::text[], %(lons)s::float8[], %(lats)s::float8[], %(districts)s::text[],
    %(escalate_at)s::timestamptz[])
ON CONFLICT (rule, device) WHERE state <> 'cleared' DO UPDATE SET severity = a.severity
RETURNING id, rule, device;

-- name: devices_by_number
SELECT number, id, gateway, entity, name, lon, lat FROM sensing.device WHERE number = ANY(%(numbers)s);

-- name: watch_update
-- A lane that was not read for a while starts its watch anew: devices may have been unable to speak.
INSERT INTO sensing.watch AS w (lane, caught_up_at, watching_since)
SELECT lane, %(caught_up_at)s, %(caught_up_at)s FROM unnest(%(lanes)s::int[]) AS lane ORDER BY lane
ON CONFLICT (lane) DO UPDATE SET
    watching_since = CASE WHEN %(now)s - w.caught_up_at > %(gap_max)s::interval
                          THEN %(now)s ELSE w.watching_since END,
    caught_up_at = greatest(w.caught_up_at, excluded.caught_up_at);

-- name: watch_state
-- The platform has listened to every lane from `since` to `until`.
SELECT max(watching_since) AS since, min(caught_up_at) AS until, count(*) AS lanes
FROM sensing.watch WHERE lane < %(partitions)s;

-- name: silent_known
-- Devices that have an alarm of the rule.
SELECT device FROM sensing.rule_state WHERE rule = %(rule)s AND alarm IS NOT NULL;

-- name: intake_count
INSERT INTO sensing.intake_count AS c (slot, lane, stored, refused)
VALUES (date_bin('10 seconds', %(now)s, 'epoch'::timestamptz), %(lane)s, %(stored)s, %(refused)s)
ON CONFLICT (slot, lane) DO UPDATE SET
    stored = c.stored + excluded.stored, refused = c.refused + excluded.refused;
