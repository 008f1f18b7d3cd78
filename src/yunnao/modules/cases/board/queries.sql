-- name: queue
-- By deadline, nearest first, from the index of running cases: naming all of them lets the planner take
-- that partial index whichever of them are asked for. The key is the pair, since deadlines repeat.
SELECT c.id, c.number, c.title, c.text, c.status, c.source, c.category, c.department, c.district, c.street,
    c.address, c.lon, c.lat, c.opened_at, c.due_at, c.closed_at, c.confidence, c.automatic, c.scene, c.severity,
    c.dispatch, (SELECT count(*) FROM cases.photo p WHERE p.case_id = c.id) AS photos
FROM cases."case" c
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking')
  AND c.status = ANY(%(status)s::text[])
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text
       OR c.reporter_id = %(own_reporter)s::uuid)
  AND (%(department)s::text IS NULL OR c.department = %(department)s::text)
  AND (%(after_due)s::timestamptz IS NULL
       OR (c.due_at, c.id) > (%(after_due)s::timestamptz, %(after_id)s::uuid))
ORDER BY c.due_at, c.id LIMIT %(limit)s;

-- name: counts
-- One pass over what runs; what is closed does not count here. A clock that stands is neither late nor soon.
SELECT count(*) AS open,
    count(*) FILTER (WHERE c.status = 'desk') AS desk,
    count(*) FILTER (WHERE c.status = 'assigned') AS assigned,
    count(*) FILTER (WHERE c.status = 'handling') AS handling,
    count(*) FILTER (WHERE c.status = 'checking') AS checking,
    count(*) FILTER (WHERE c.due_at < %(now)s AND d.paused_at IS NULL) AS overdue,
    count(*) FILTER (WHERE c.due_at >= %(now)s AND d.amber_at <= %(now)s AND d.paused_at IS NULL) AS amber,
    count(*) FILTER (WHERE d.paused_at IS NOT NULL) AS paused
FROM cases."case" c LEFT JOIN cases.deadline d ON d.case_id = c.id
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking')
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text OR c.reporter_id = %(own_reporter)s::uuid);

-- name: ages
-- How long cases have stood in the step that they are in: `changed_at` is when they came to it.
SELECT status, width_bucket(extract(epoch FROM %(now)s::timestamptz - changed_at), %(bounds_s)s::float8[]) AS band,
    count(*) AS n, min(changed_at) AS oldest_at
FROM cases."case"
WHERE status IN ('desk', 'assigned', 'handling', 'checking')
  AND (%(everything)s::boolean OR department = %(own_department)s::text OR reporter_id = %(own_reporter)s::uuid)
GROUP BY status, band ORDER BY status, band;

-- name: overdue_bands
SELECT width_bucket(extract(epoch FROM %(now)s::timestamptz - c.due_at), %(bounds_s)s::float8[]) AS band, count(*) AS n
FROM cases."case" c LEFT JOIN cases.deadline d ON d.case_id = c.id
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking') AND c.due_at < %(now)s AND d.paused_at IS NULL
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text OR c.reporter_id = %(own_reporter)s::uuid)
GROUP BY band ORDER BY band;

-- name: ladder
-- The highest rung of the escalation ladder that each running case has come to.
SELECT level, count(*) AS n
FROM cases."case" c JOIN cases.deadline d ON d.case_id = c.id,
    LATERAL (SELECT max(substr(name, 6)::int) AS level FROM unnest(d.told) AS name WHERE name LIKE 'rung-%%') AS rung
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking') AND d.running AND level IS NOT NULL
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text OR c.reporter_id = %(own_reporter)s::uuid)
GROUP BY level ORDER BY level;

-- name: loads
-- Whoever has most that is late first; cases on the desk belong to nobody yet.
SELECT c.department, count(*) AS open,
    count(*) FILTER (WHERE c.due_at < %(now)s AND d.paused_at IS NULL) AS overdue,
    count(*) FILTER (WHERE c.due_at >= %(now)s AND d.amber_at <= %(now)s AND d.paused_at IS NULL) AS amber,
    count(*) FILTER (WHERE c.status = 'assigned') AS unaccepted
FROM cases."case" c LEFT JOIN cases.deadline d ON d.case_id = c.id
WHERE c.status IN ('assigned', 'handling', 'checking') AND c.department IS NOT NULL
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text OR c.reporter_id = %(own_reporter)s::uuid)
GROUP BY c.department ORDER BY overdue DESC, open DESC, c.department LIMIT %(limit)s;
