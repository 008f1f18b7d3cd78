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

-- name: rules_list
-- With how many alarms are not cleared; of one scene, of one rule, or all.
SELECT r.number, r.scene, r.rule, r.spec, p.spec AS product,
       (SELECT count(*) FROM sensing.alarm a WHERE a.rule = r.number AND a.state <> 'cleared') AS alarms_open,
       v.revision, v.changed_at, v.changed_by
FROM sensing.rule r
LEFT JOIN sensing.product p ON p.product = r.spec ->> 'product'
LEFT JOIN LATERAL (SELECT revision, changed_at, changed_by FROM sensing.rule_revision v
                   WHERE v.rule = r.number ORDER BY revision DESC LIMIT 1) v ON true
WHERE r.active AND (%(scene)s::text IS NULL OR r.scene = %(scene)s)
  AND (%(rule)s::text IS NULL OR r.rule = %(rule)s)
  AND (%(product)s::text IS NULL OR r.spec ->> 'product' = %(product)s)
  AND (%(after)s::text IS NULL OR r.scene || '/' || r.rule > %(after)s)
ORDER BY r.scene || '/' || r.rule LIMIT %(limit)s;

-- name: rules_of_city_count
SELECT count(*) AS n FROM sensing.rule WHERE scene = 'city' AND active AND rule <> %(rule)s;

-- name: rule_put
INSERT INTO sensing.rule (scene, rule, spec) VALUES ('city', %(rule)s, %(spec)s)
ON CONFLICT (scene, rule) DO UPDATE SET spec = excluded.spec, active = true
RETURNING number;

-- name: rule_end
UPDATE sensing.rule SET active = false WHERE scene = 'city' AND rule = %(rule)s AND active
RETURNING number, scene, rule, spec;

-- name: revision_add
INSERT INTO sensing.rule_revision (rule, revision, spec, changed_at, changed_by)
SELECT %(number)s, coalesce(max(revision), 0) + 1, %(spec)s, %(now)s, %(by)s
FROM sensing.rule_revision WHERE rule = %(number)s
RETURNING revision;

-- name: revisions
SELECT revision, spec, changed_at, changed_by FROM sensing.rule_revision
WHERE rule = %(number)s ORDER BY revision DESC LIMIT %(limit)s;

-- name: product_spec
SELECT spec FROM sensing.product WHERE product = %(product)s;

-- name: series_of_rule
-- What a dry run looks at: of a product the series of one metric, or of all; in order of series.
SELECT s.series, d.number AS device, d.id, d.entity, d.name, d.attributes
FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE d.product = %(product)s AND (%(metric)s::text IS NULL OR s.metric = %(metric)s)
  AND (%(devices)s::text[] IS NULL OR d.id = ANY(%(devices)s))
ORDER BY s.series LIMIT %(limit)s;

-- name: maintenance_add
INSERT INTO sensing.maintenance (id, kind, target, starts_at, ends_at, reason, created_at, created_by)
VALUES (%(id)s, %(kind)s, %(target)s, %(starts_at)s, %(ends_at)s, %(reason)s, %(now)s, %(by)s);

-- name: maintenance_end
-- One that has not begun is over before it begins: it keeps a moment, since a window has a length.
UPDATE sensing.maintenance
SET ends_at = greatest(%(now)s, starts_at + interval '1 microsecond'), ended_by = %(by)s
WHERE id = %(id)s AND ends_at > %(now)s
RETURNING id;

-- name: maintenance_page
-- Newest first; ids grow with time.
SELECT id, kind, target, starts_at, ends_at, reason, created_at, created_by, ended_by
FROM sensing.maintenance
WHERE (%(running)s::timestamptz IS NULL OR (starts_at <= %(running)s AND ends_at > %(running)s))
  AND (%(before)s::uuid IS NULL OR id < %(before)s) AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: maintenance_target
SELECT CASE %(kind)s
    WHEN 'device' THEN EXISTS (SELECT FROM sensing.device WHERE id = %(target)s)
    WHEN 'entity' THEN EXISTS (SELECT FROM sensing.device WHERE entity = %(target)s)
    WHEN 'product' THEN EXISTS (SELECT FROM sensing.product WHERE product = %(target)s)
    ELSE EXISTS (SELECT FROM sensing.device WHERE district = %(target)s OR street = %(target)s)
END AS known;
