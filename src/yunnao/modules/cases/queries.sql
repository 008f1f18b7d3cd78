-- name: revision_get
SELECT revision FROM cases.revision;

-- name: revision_next
-- Last in an installation: other processes reload when they see it. A sequence gives no value twice,
-- so what a process held of an installation that was rolled back can never look current.
UPDATE cases.revision SET revision = nextval('cases.number');

-- name: city_upsert
INSERT INTO cases.city (city, code, number_prefix, time_zone, dispatch_confidence_min, dispatch_precision, fallback, calendar, doors,
    escalation)
VALUES (%(city)s, %(code)s, %(number_prefix)s, %(time_zone)s, %(confidence_min)s, %(precision)s, %(fallback)s, %(calendar)s, %(doors)s, %(escalation)s)
ON CONFLICT (one) DO UPDATE SET city = excluded.city, code = excluded.code,
    number_prefix = excluded.number_prefix, time_zone = excluded.time_zone,
    dispatch_confidence_min = excluded.dispatch_confidence_min,
    dispatch_precision = excluded.dispatch_precision, fallback = excluded.fallback,
    calendar = excluded.calendar, doors = excluded.doors, escalation = excluded.escalation;

-- name: city_get
SELECT city, code, number_prefix, time_zone, dispatch_confidence_min, dispatch_precision, fallback, calendar, doors, escalation
FROM cases.city;

-- name: duties_delete
DELETE FROM cases.duty;

-- name: duties_insert
INSERT INTO cases.duty (position, category, area, department)
SELECT * FROM unnest(%(positions)s::int[], %(categories)s::text[], %(areas)s::text[], %(departments)s::text[]);

-- name: duties_list
SELECT category, area, department FROM cases.duty ORDER BY position;

-- name: categories_retire
-- Categories that left the pack stay for the cases that name them.
UPDATE cases.category SET retired = true WHERE scene = %(scene)s AND NOT code = ANY(%(codes)s::text[]);

-- name: categories_upsert
INSERT INTO cases.category (code, scene, name, parent, deadline, keywords, position)
SELECT c.code, %(scene)s, c.name, c.parent, c.deadline, ARRAY(SELECT jsonb_array_elements_text(c.keywords)), c.position
FROM jsonb_to_recordset(%(categories)s)
    AS c (code text, name jsonb, parent text, deadline jsonb, keywords jsonb, position int)
ON CONFLICT (code) DO UPDATE SET scene = excluded.scene, name = excluded.name, parent = excluded.parent,
    deadline = excluded.deadline, keywords = excluded.keywords, position = excluded.position, retired = false;

-- name: categories_list
SELECT code, scene, name, parent, deadline, keywords, retired FROM cases.category ORDER BY scene, position;

-- name: flow_insert
INSERT INTO cases.flow (hash, bpmn) VALUES (%(hash)s, %(bpmn)s) ON CONFLICT DO NOTHING;

-- name: flow_get
SELECT bpmn FROM cases.flow WHERE hash = %(hash)s;

-- name: case_types_retire
UPDATE cases.case_type SET retired = true WHERE scene = %(scene)s AND NOT type = ANY(%(types)s::text[]);

-- name: case_type_upsert
INSERT INTO cases.case_type (type, scene, label, flow_hash, deadline, form, reported_by, position,
    archive_after_days)
VALUES (%(type)s, %(scene)s, %(label)s, %(flow_hash)s, %(deadline)s, %(form)s, %(reported_by)s, %(position)s,
    %(archive_after_days)s)
ON CONFLICT (type) DO UPDATE SET scene = excluded.scene, label = excluded.label,
    flow_hash = excluded.flow_hash, deadline = excluded.deadline, form = excluded.form,
    reported_by = excluded.reported_by, position = excluded.position,
    archive_after_days = excluded.archive_after_days, retired = false;

-- name: flow_version_insert
-- Versions of a case type's flow are numbered as they come; a flow that comes back keeps its number.
INSERT INTO cases.flow_version (case_type, version, hash, installed_at)
SELECT %(type)s, coalesce(max(version), 0) + 1, %(hash)s, now() FROM cases.flow_version WHERE case_type = %(type)s
ON CONFLICT (case_type, hash) DO NOTHING;

-- name: case_types_list
SELECT type, scene, label, flow_hash, deadline, form, reported_by, retired
FROM cases.case_type ORDER BY scene, position;

-- name: examples_delete
DELETE FROM cases.example WHERE scene = %(scene)s;

-- name: examples_insert
INSERT INTO cases.example (scene, category, position, text)
SELECT %(scene)s, * FROM unnest(%(categories)s::text[], %(positions)s::int[], %(texts)s::text[]);

-- name: model_current
SELECT hash, taught_by FROM cases.dispatch_model WHERE current;

-- name: number_of_day
-- Nothing comes back on the first case of a day.
SELECT nextval('cases.number') - base AS number FROM cases.number_day WHERE day = %(day)s;

-- name: number_day_begin
-- The base is taken from the sequence before any number of the day, so numbers are positive.
INSERT INTO cases.number_day (day, base) VALUES (%(day)s, nextval('cases.number')) ON CONFLICT DO NOTHING;

-- name: case_insert
INSERT INTO cases."case" (id, number, tracking_hash, source, scene, case_type, flow_hash, status, category,
    department, title, text, address, lon, lat, district, street, reporter, reporter_id, fields, automatic,
    confidence, dispatch, alarm_id, entity, severity, trace_id, opened_at, due_at, changed_at, workflow)
VALUES (%(id)s, %(number)s, %(tracking_hash)s, %(source)s, %(scene)s, %(case_type)s, %(flow_hash)s,
    %(status)s, %(category)s, %(department)s, %(title)s, %(text)s, %(address)s, %(lon)s, %(lat)s,
    %(district)s, %(street)s, %(reporter)s, %(reporter_id)s, %(fields)s, %(automatic)s, %(confidence)s,
    %(dispatch)s, %(alarm_id)s, %(entity)s, %(severity)s, %(trace_id)s, %(opened_at)s, %(due_at)s,
    %(opened_at)s, %(workflow)s);

-- name: case_lock
-- Two people acting at once wait for each other; the second meets the state the first left.
SELECT * FROM cases."case" WHERE id = %(id)s FOR NO KEY UPDATE;

-- name: case_get
SELECT * FROM cases."case" WHERE id = %(id)s;

-- name: case_by_tracking
SELECT * FROM cases."case" WHERE tracking_hash = %(hash)s;

-- name: case_severity
UPDATE cases."case" SET severity = %(severity)s, changed_at = %(now)s WHERE id = %(id)s;

-- name: cases_of_reporter
SELECT * FROM cases."case" WHERE reporter_id = %(reporter)s ORDER BY id DESC LIMIT %(limit)s;

-- name: cases_near
-- A box on the index first; the exact distance orders what is left.
SELECT number, category, status, lon, lat, opened_at
FROM cases."case"
WHERE lon BETWEEN %(lon)s - %(dlon)s AND %(lon)s + %(dlon)s
  AND lat BETWEEN %(lat)s - %(dlat)s AND %(lat)s + %(dlat)s
  AND opened_at >= %(since)s AND status <> 'rejected'
ORDER BY power((lon - %(lon)s) * cos(radians(%(lat)s)), 2) + power(lat - %(lat)s, 2) LIMIT %(limit)s;

-- name: cases_public
-- From the newest back along the index of opening times, so that it reads no more rows than it tells.
SELECT number, category, status, round(lon::numeric, 3)::float8 AS lon, round(lat::numeric, 3)::float8 AS lat, opened_at
FROM cases."case"
WHERE opened_at >= %(since)s AND lon IS NOT NULL AND status <> 'rejected' AND merged_into IS NULL
ORDER BY opened_at DESC LIMIT %(limit)s;

-- name: alarm_lock
-- Deliveries of events about one thing wait for each other, so that one case is opened.
SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 50));

-- name: alarm_case
SELECT case_id FROM cases.alarm WHERE alarm_id = %(alarm_id)s;

-- name: alarm_insert
INSERT INTO cases.alarm (alarm_id, case_id) VALUES (%(alarm_id)s, %(case_id)s);

-- name: running_case_of_entity
SELECT id FROM cases."case"
WHERE entity = %(entity)s AND category = %(category)s
  AND status IN ('desk', 'assigned', 'handling', 'checking')
ORDER BY id DESC LIMIT 1;

-- name: informed_insert
INSERT INTO cases.informed (case_id, department)
SELECT %(case_id)s, unnest(%(departments)s::text[]) ON CONFLICT DO NOTHING RETURNING department;

-- name: informed_list
SELECT department FROM cases.informed WHERE case_id = %(case_id)s ORDER BY department;

-- name: timeline_insert
INSERT INTO cases.timeline (id, case_id, time, event, actor_id, actor_name, actor_kind, comment, department,
    category, photos, detail)
VALUES (%(id)s, %(case_id)s, %(time)s, %(event)s, %(actor_id)s, %(actor_name)s, %(actor_kind)s, %(comment)s,
    %(department)s, %(category)s, %(photos)s::uuid[], %(detail)s);

-- name: timeline_list
SELECT time, event, actor_id, actor_name, actor_kind, comment, department, category, photos, detail
FROM cases.timeline WHERE case_id = %(case_id)s ORDER BY id;

-- name: photo_insert
INSERT INTO cases.photo (id, hash, thumb_hash, media_type, width, height, lon, lat, taken_at, sender_id, created_at)
VALUES (%(id)s, %(hash)s, %(thumb_hash)s, %(media_type)s, %(width)s, %(height)s, %(lon)s, %(lat)s, %(taken_at)s,
    %(sender_id)s, %(created_at)s);

-- name: photo_get
SELECT p.id, p.hash, p.thumb_hash, p.published_hash, p.published_thumb_hash, p.original_removed_at, p.media_type,
    p.case_id, p.sender_id, c.department, c.reporter_id, c.status,
    c.tracking_hash
FROM cases.photo p LEFT JOIN cases."case" c ON c.id = p.case_id WHERE p.id = %(id)s;

-- name: photos_attach
-- Only photos that belong to no case yet, and are anonymous or the sender's own, can be attached.
UPDATE cases.photo SET case_id = %(case_id)s
WHERE id = ANY(%(ids)s::uuid[]) AND case_id IS NULL
  AND (sender_id IS NULL OR sender_id = %(sender_id)s::uuid)
RETURNING id, lon, lat, taken_at;

-- name: photos_place
-- Where the photos of a report were taken; read before the case has its row.
SELECT lon, lat FROM cases.photo
WHERE id = ANY(%(ids)s::uuid[]) AND lon IS NOT NULL AND case_id IS NULL ORDER BY id LIMIT 1;

-- name: photos_of_case
SELECT id, width, height, lon, lat, taken_at, stage, found_text, published_hash IS NOT NULL AS published
FROM cases.photo WHERE case_id = %(case_id)s ORDER BY id;

-- name: overview_counts
-- Three counts, each from an index that has all it needs: one condition over all would read the table.
SELECT o.cases_today, r.cases_open, r.desk, r.overdue, c.closed_today, o.auto_share, c.satisfaction
FROM (SELECT count(*) AS cases_open, count(*) FILTER (WHERE status = 'desk') AS desk,
          count(*) FILTER (WHERE due_at < %(now)s) AS overdue
      FROM cases."case" WHERE status IN ('desk', 'assigned', 'handling', 'checking')) AS r,
    (SELECT count(*) FILTER (WHERE opened_at >= %(today)s) AS cases_today, avg(automatic::int)::float AS auto_share
     FROM cases."case" WHERE opened_at >= %(since)s) AS o,
    (SELECT count(*) FILTER (WHERE closed_at >= %(today)s) AS closed_today, avg(score)::float AS satisfaction
     FROM cases."case" WHERE closed_at >= %(since)s) AS c;

-- name: overview_districts
SELECT district, count(*) AS open, count(*) FILTER (WHERE due_at < %(now)s) AS overdue
FROM cases."case" WHERE status IN ('desk', 'assigned', 'handling', 'checking') AND district IS NOT NULL
GROUP BY district ORDER BY open DESC, district;

-- name: overview_categories
SELECT category, count(*) AS n FROM cases."case"
WHERE opened_at >= %(since)s AND category IS NOT NULL GROUP BY category ORDER BY n DESC, category LIMIT %(limit)s;

-- name: overview_hours
-- Every hour of the last day, empty ones too, so that the chart has no holes.
SELECT h.hour,
    (SELECT count(*) FROM cases."case" WHERE opened_at >= h.hour AND opened_at < h.hour + interval '1 hour') AS opened,
    (SELECT count(*) FROM cases."case" WHERE closed_at >= h.hour AND closed_at < h.hour + interval '1 hour') AS closed
FROM generate_series(date_trunc('hour', %(now)s::timestamptz) - interval '23 hours',
                     date_trunc('hour', %(now)s::timestamptz), interval '1 hour') AS h (hour)
ORDER BY h.hour;

-- name: overview_closed
SELECT id, number, title, category, department, district, closed_at, score FROM cases."case"
WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT %(limit)s;

-- name: cases_counts
SELECT count(*) AS cases, count(*) FILTER (WHERE automatic) AS automatic,
    count(*) FILTER (WHERE status = 'desk') AS desk,
    count(*) FILTER (WHERE closed_at IS NOT NULL) AS closed
FROM cases."case";
