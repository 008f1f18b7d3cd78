-- name: change_version
SELECT version FROM sensing.rule_change;

-- name: change_bump
-- The lock on its one row puts changes in order of commit, so that no version is skipped.
UPDATE sensing.rule_change SET version = version + 1 RETURNING version;

-- name: states_all
-- What rules remember, whole: few devices have a state at a time.
SELECT device, rule, (extract(epoch FROM since) * 1000000)::bigint AS since_us, readings, alarm
FROM sensing.rule_state;

-- name: states_changed
-- What others wrote since a version.
SELECT device, rule, (extract(epoch FROM since) * 1000000)::bigint AS since_us, readings, alarm
FROM sensing.rule_state WHERE changed > %(version)s;

-- name: states_keep
-- By the owner of the devices' lanes, who needs not be told of it.
INSERT INTO sensing.rule_state (device, rule, since, readings, alarm, changed)
SELECT t.device, t.rule, 'epoch'::timestamptz + t.since_us * interval '1 microsecond', t.readings, t.alarm, 0
FROM unnest(%(devices)s::int[], %(rules)s::smallint[], %(since_us)s::bigint[], %(readings)s::int[],
            %(alarms)s::uuid[]) AS t (device, rule, since_us, readings, alarm)
ORDER BY t.device, t.rule
ON CONFLICT (device, rule) DO UPDATE SET
    since = excluded.since, readings = excluded.readings, alarm = excluded.alarm, changed = 0;

-- name: states_forget
-- A rule that remembers nothing of a device needs no row.
DELETE FROM sensing.rule_state s
USING unnest(%(devices)s::int[], %(rules)s::smallint[]) AS t (device, rule)
WHERE s.device = t.device AND s.rule = t.rule;

-- name: maintenance_now
-- Windows that are not over long since, with the devices that they are of; a product's or area's
-- devices may be registered meanwhile, so they are looked up and not kept.
SELECT d.number AS device, (extract(epoch FROM m.starts_at) * 1000000)::bigint AS starts_us,
       (extract(epoch FROM m.ends_at) * 1000000)::bigint AS ends_us
FROM sensing.maintenance m JOIN sensing.device d ON
    (m.kind = 'device' AND d.id = m.target)
    OR (m.kind = 'entity' AND d.entity = m.target)
    OR (m.kind = 'product' AND d.product = m.target)
    OR (m.kind = 'area' AND m.target IN (d.district, d.street))
WHERE m.ends_at > %(since)s;
