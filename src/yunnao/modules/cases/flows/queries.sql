-- name: versions
-- Every version of every type, and how many cases run on it, from the index of running cases.
SELECT v.case_type, v.version, v.hash, v.installed_at, t.label, t.scene, coalesce(t.flow_hash = v.hash, false) AS current,
    coalesce(t.retired, true) AS retired, coalesce(running.n, 0) AS running, running.oldest_at
FROM cases.flow_version v
LEFT JOIN cases.case_type t ON t.type = v.case_type
LEFT JOIN (SELECT case_type, flow_hash, count(*) AS n, min(opened_at) AS oldest_at FROM cases."case"
           WHERE status IN ('desk', 'assigned', 'handling', 'checking')
           GROUP BY case_type, flow_hash) AS running
    ON running.case_type = v.case_type AND running.flow_hash = v.hash
WHERE %(case_type)s::text IS NULL OR v.case_type = %(case_type)s::text
ORDER BY v.case_type, v.version DESC;

-- name: running
SELECT id, flow_hash, status, workflow FROM cases."case"
WHERE case_type = %(case_type)s AND status IN ('desk', 'assigned', 'handling', 'checking')
  AND flow_hash <> %(to)s AND (%(from)s::text IS NULL OR flow_hash = %(from)s::text)
  AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
ORDER BY id LIMIT %(limit)s;

-- name: running_lock
-- The same, and nobody acts on these cases until all have moved.
SELECT id, flow_hash, status, workflow FROM cases."case"
WHERE case_type = %(case_type)s AND status IN ('desk', 'assigned', 'handling', 'checking')
  AND flow_hash <> %(to)s AND (%(from)s::text IS NULL OR flow_hash = %(from)s::text)
  AND (%(after)s::uuid IS NULL OR id > %(after)s::uuid)
ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE;

-- name: move
UPDATE cases."case" c SET flow_hash = %(to)s, workflow = m.workflow
FROM jsonb_to_recordset(%(moves)s) AS m (id uuid, workflow jsonb)
WHERE c.id = m.id RETURNING c.*;

-- name: timeline_move
INSERT INTO cases.timeline (id, case_id, time, event, actor_id, actor_name, actor_kind, detail)
SELECT m.entry, m.id, %(now)s, 'flow_migrated', %(actor_id)s, %(actor_name)s, %(actor_kind)s, m.detail
FROM jsonb_to_recordset(%(moves)s) AS m (id uuid, entry uuid, detail jsonb);

-- name: happened
SELECT time, event, detail FROM cases.timeline WHERE case_id = %(case_id)s ORDER BY id;
