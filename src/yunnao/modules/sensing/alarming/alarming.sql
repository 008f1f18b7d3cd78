-- name: lock
-- Openings are placed one transaction at a time, so that two that concern each other see each other.
SELECT pg_advisory_xact_lock(7202045);

-- name: suppressions
SELECT s.rule, s.device, s.until
FROM sensing.alarm_suppression s
JOIN unnest(%(rules)s::smallint[], %(devices)s::int[]) AS t (rule, device) USING (rule, device)
WHERE s.until > %(now)s;

-- name: groupings
-- Rules that group; few do.
SELECT number, rule, spec -> 'group' AS grouping FROM sensing.rule
WHERE active AND jsonb_typeof(spec -> 'group') = 'object';

-- name: standing
-- What may be a cause or an effect of a new opening: opened near it in time, not beneath a cause.
SELECT a.id, a.rule, r.rule AS slug, r.spec -> 'case' AS raised_case, a.device, d.gateway, d.entity,
       a.opened_at, a.lon, a.lat,
       a.raised, a.case_id, a.case_from
FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule JOIN sensing.device d ON d.number = a.device
LEFT JOIN sensing.alarm p ON p.id = a.parent
WHERE a.state <> 'cleared' AND a.kind = 'single' AND (p.id IS NULL OR p.kind = 'flood')
  AND a.opened_at BETWEEN %(start)s AND %(until)s AND NOT a.id = ANY(%(new)s)
ORDER BY a.id DESC LIMIT %(limit)s;

-- name: floods_standing
SELECT id, rule, district FROM sensing.alarm
WHERE rule = ANY(%(rules)s) AND kind = 'flood' AND state <> 'cleared';

-- name: openings_recent
-- Openings that count towards a flood; what lies beneath a cause does not.
SELECT id, rule, district, state <> 'cleared' AS stands, opened_at
FROM sensing.alarm
WHERE rule = ANY(%(rules)s) AND kind = 'single' AND parent IS NULL
  AND opened_at BETWEEN %(start)s AND %(until)s AND NOT id = ANY(%(new)s);

-- name: place
UPDATE sensing.alarm a SET
    parent = t.parent, raised = t.raised, case_from = t.case_from, suppressed_until = t.suppressed_until,
    escalate_at = NULL
FROM unnest(%(ids)s::uuid[], %(parents)s::uuid[], %(raised)s::boolean[], %(case_from)s::uuid[],
            %(suppressed_until)s::timestamptz[])
     AS t (id, parent, raised, case_from, suppressed_until)
WHERE a.id = t.id;

-- name: place_beneath
-- Standing alarms go beneath a new one, and take along what lies beneath them.
UPDATE sensing.alarm a SET parent = t.parent, escalate_at = NULL
FROM unnest(%(ids)s::uuid[], %(parents)s::uuid[]) AS t (id, parent)
WHERE (a.id = t.id OR a.parent = t.id) AND a.id <> t.parent;

-- name: case_shared
-- A cause takes over the case that its first symptom raised, if it is known by then.
UPDATE sensing.alarm a SET case_id = s.case_id
FROM sensing.alarm s WHERE a.case_from = s.id AND a.id = ANY(%(ids)s::uuid[]);

-- name: flood_insert
INSERT INTO sensing.alarm
    (id, rule, kind, state, severity, message, opened_at, trace_id, lon, lat, district, escalate_at)
SELECT t.id, t.rule, 'flood', 'open', t.severity, t.message, t.opened_at, t.trace_id, t.lon, t.lat,
       t.district, t.escalate_at
FROM unnest(%(ids)s::uuid[], %(rules)s::smallint[], %(severities)s::text[], %(messages)s::jsonb[],
            %(opened_at)s::timestamptz[], %(traces)s::text[], %(lons)s::float8[], %(lats)s::float8[],
            %(districts)s::text[], %(escalate_at)s::timestamptz[])
     AS t (id, rule, severity, message, opened_at, trace_id, lon, lat, district, escalate_at);

-- name: events_insert
INSERT INTO sensing.alarm_event (id, alarm, time, event, actor_id, actor_name, actor_kind, comment, detail)
SELECT t.id, t.alarm, t.time, t.event, t.actor_id, t.actor_name, t.actor_kind, t.comment, t.detail
FROM unnest(%(ids)s::uuid[], %(alarms)s::uuid[], %(times)s::timestamptz[], %(events)s::text[],
            %(actor_ids)s::uuid[], %(actor_names)s::jsonb[], %(actor_kinds)s::text[], %(comments)s::text[],
            %(details)s::jsonb[])
     AS t (id, alarm, time, event, actor_id, actor_name, actor_kind, comment, detail);

-- name: events_of
SELECT time, event, actor_name AS actor, actor_kind, comment, detail
FROM sensing.alarm_event WHERE alarm = %(alarm)s ORDER BY id LIMIT %(limit)s;

-- name: page
-- Newest first; ids grow with time. `beneath` NULL: only what stands by itself.
SELECT a.id, a.kind, a.state, a.severity, a.value, a.message, a.opened_at, a.acknowledged_at, a.cleared_at,
       a.case_id, a.trace_id, a.parent, a.raised, a.suppressed_until, a.level, a.escalate_at, a.assignee,
       a.assignee_name, a.department, a.district, coalesce(a.lon, d.lon) AS lon, coalesce(a.lat, d.lat) AS lat,
       r.number AS rule_number, r.scene, r.rule, r.spec, d.id AS device, d.entity, d.name,
       (SELECT count(*) FROM sensing.alarm m WHERE m.parent = a.id) AS members
FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule LEFT JOIN sensing.device d ON d.number = a.device
WHERE (%(state)s::text IS NULL OR (%(state)s = 'standing' AND a.state <> 'cleared')
       OR CASE WHEN a.state <> 'cleared' AND a.suppressed_until IS NOT NULL THEN 'suppressed' ELSE a.state END
          = %(state)s)
  AND (%(severity)s::text IS NULL OR a.severity = %(severity)s)
  AND (%(scene)s::text IS NULL OR r.scene = %(scene)s)
  AND (%(rule)s::text IS NULL OR r.rule = %(rule)s)
  AND (%(district)s::text IS NULL OR a.district = %(district)s)
  AND (%(device)s::text IS NULL OR d.id = %(device)s)
  AND (%(since)s::timestamptz IS NULL OR a.opened_at >= %(since)s)
  AND (%(roots)s::boolean IS NULL OR (a.parent IS NULL) = %(roots)s)
  AND (%(parent)s::uuid IS NULL OR a.parent = %(parent)s)
  AND (%(before)s::uuid IS NULL OR a.id < %(before)s)
  AND (%(id)s::uuid IS NULL OR a.id = %(id)s)
ORDER BY a.id DESC LIMIT %(limit)s;

-- name: counts
-- The same filters as the page's; one pass gives the total and every count that lists show.
SELECT CASE WHEN a.state <> 'cleared' AND a.suppressed_until IS NOT NULL THEN 'suppressed' ELSE a.state END AS state,
       a.severity, count(*) AS n
FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule LEFT JOIN sensing.device d ON d.number = a.device
WHERE (%(severity)s::text IS NULL OR a.severity = %(severity)s)
  AND (%(scene)s::text IS NULL OR r.scene = %(scene)s)
  AND (%(rule)s::text IS NULL OR r.rule = %(rule)s)
  AND (%(district)s::text IS NULL OR a.district = %(district)s)
  AND (%(device)s::text IS NULL OR d.id = %(device)s)
  AND (%(since)s::timestamptz IS NULL OR a.opened_at >= %(since)s)
  AND (%(roots)s::boolean IS NULL OR (a.parent IS NULL) = %(roots)s)
  AND (%(parent)s::uuid IS NULL OR a.parent = %(parent)s)
GROUP BY 1, 2;

-- name: alarm_lock
SELECT id, state, rule, device, suppressed_until FROM sensing.alarm WHERE id = %(id)s FOR UPDATE;

-- name: acknowledge
UPDATE sensing.alarm SET state = 'acknowledged', acknowledged_at = %(now)s, acknowledged_by = %(by)s,
    escalate_at = NULL
WHERE id = %(id)s AND state = 'open' RETURNING id;

-- name: close
UPDATE sensing.alarm SET state = 'cleared', cleared_at = %(now)s, escalate_at = NULL, suppressed_until = NULL
WHERE id = ANY(%(ids)s::uuid[]);

-- name: suppress
UPDATE sensing.alarm SET suppressed_until = %(until)s, escalate_at = NULL WHERE id = %(id)s;

-- name: suppression_keep
INSERT INTO sensing.alarm_suppression AS s (rule, device, until) VALUES (%(rule)s, %(device)s, %(until)s)
ON CONFLICT (rule, device) DO UPDATE SET until = excluded.until;

-- name: suppression_end
DELETE FROM sensing.alarm_suppression WHERE rule = %(rule)s AND device = %(device)s;

-- name: suppressions_prune
DELETE FROM sensing.alarm_suppression WHERE until <= %(now)s;

-- name: assign
UPDATE sensing.alarm SET assignee = %(assignee)s, assignee_name = %(assignee_name)s, department = %(department)s
WHERE id = %(id)s;

-- name: link_case
-- The alarm's, and that of the cause that shares it. Answers those that had none.
UPDATE sensing.alarm SET case_id = %(case_id)s
WHERE (id = %(id)s OR case_from = %(id)s) AND case_id IS DISTINCT FROM %(case_id)s
RETURNING id;

-- name: due_escalations
-- SKIP LOCKED: what somebody acts upon at this moment is looked at in the next round.
SELECT id FROM sensing.alarm
WHERE state = 'open' AND escalate_at <= %(now)s
ORDER BY escalate_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: escalate
UPDATE sensing.alarm a SET level = t.level, severity = t.severity, escalate_at = t.escalate_at
FROM unnest(%(ids)s::uuid[], %(levels)s::smallint[], %(severities)s::text[], %(escalate_at)s::timestamptz[])
     AS t (id, level, severity, escalate_at)
WHERE a.id = t.id;

-- name: due_returns
SELECT id FROM sensing.alarm
WHERE state <> 'cleared' AND suppressed_until <= %(now)s
ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: come_back
UPDATE sensing.alarm a SET suppressed_until = NULL, escalate_at = t.escalate_at, raised = t.raised
FROM unnest(%(ids)s::uuid[], %(escalate_at)s::timestamptz[], %(raised)s::boolean[]) AS t (id, escalate_at, raised)
WHERE a.id = t.id;

-- name: due_releases
-- What still stands a while after its cause has gone has a cause of its own.
SELECT a.id FROM sensing.alarm a JOIN sensing.alarm p ON p.id = a.parent
WHERE a.state <> 'cleared' AND p.state = 'cleared' AND p.kind = 'single'
  AND p.cleared_at <= %(now)s - %(after)s::interval
ORDER BY a.id LIMIT %(limit)s FOR UPDATE OF a SKIP LOCKED;

-- name: release
UPDATE sensing.alarm a SET parent = NULL, raised = true, escalate_at = t.escalate_at
FROM unnest(%(ids)s::uuid[], %(escalate_at)s::timestamptz[]) AS t (id, escalate_at)
WHERE a.id = t.id;

-- name: floods_ended
-- A summary ends when nothing beneath it stands and its rule has been quiet for the window.
SELECT f.id, f.rule FROM sensing.alarm f
WHERE f.kind = 'flood' AND f.state <> 'cleared'
  AND NOT EXISTS (SELECT FROM sensing.alarm m
                  WHERE m.parent = f.id AND (m.state <> 'cleared' OR m.cleared_at > %(now)s - %(after)s::interval))
ORDER BY f.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: alarms_told
-- All that events tell of alarms.
SELECT a.id, a.kind, a.rule, a.device, a.state, a.severity, a.value, a.message, a.opened_at, a.cleared_at, a.trace_id,
       a.parent, a.raised, a.case_from, a.suppressed_until, a.level, a.lon, a.lat, a.district,
       r.scene, r.rule AS slug, r.spec, d.id AS device_id, d.gateway, d.entity, d.name, d.lon AS device_lon,
       d.lat AS device_lat
FROM sensing.alarm a JOIN sensing.rule r ON r.number = a.rule LEFT JOIN sensing.device d ON d.number = a.device
WHERE a.id = ANY(%(ids)s::uuid[]) ORDER BY a.id;
