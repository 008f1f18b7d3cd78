-- name: lock
-- Two people acting at once wait for each other; the second meets the state the first left. Only rows that
-- name the case as their own key need not wait, so that children can tell their parent's timeline.
SELECT c.* FROM cases."case" c WHERE c.id = %(id)s FOR NO KEY UPDATE;

-- name: version
-- Every change of a case writes one entry, so the length of its timeline numbers its versions.
SELECT count(*) AS version FROM cases.timeline WHERE case_id = %(case_id)s;

-- name: changes
SELECT time, event, actor_name, department FROM cases.timeline
WHERE case_id = %(case_id)s ORDER BY id OFFSET %(version)s LIMIT %(limit)s;

-- name: update
UPDATE cases."case" SET status = %(status)s, category = %(category)s, department = %(department)s,
    due_at = %(due_at)s, closed_at = %(closed_at)s, changed_at = %(changed_at)s, score = %(score)s,
    rating_comment = %(rating_comment)s, overdue_at = %(overdue_at)s, workflow = %(workflow)s,
    suspended_at = %(suspended_at)s, suspended_until = %(suspended_until)s, supervised_at = %(supervised_at)s,
    supervised_until = %(supervised_until)s, reminders = %(reminders)s, reminded_at = %(reminded_at)s,
    handed_to = %(handed_to)s
WHERE id = %(id)s;

-- name: parties
SELECT department, role, added_at, done_at, comment FROM cases.party
WHERE case_id = %(case_id)s ORDER BY role DESC, added_at, department;

-- name: lead_clear
-- The lead is whoever has the case; who took part before and leads from now on leaves the others' row.
DELETE FROM cases.party WHERE case_id = %(case_id)s AND (role = 'lead' OR department = %(department)s);

-- name: lead_insert
INSERT INTO cases.party (case_id, department, role, added_at)
VALUES (%(case_id)s, %(department)s, 'lead', %(now)s);

-- name: joint_add
INSERT INTO cases.party (case_id, department, role, added_at)
SELECT %(case_id)s, unnest(%(departments)s::text[]), 'joint', %(now)s ON CONFLICT DO NOTHING RETURNING department;

-- name: joint_release
DELETE FROM cases.party
WHERE case_id = %(case_id)s AND role = 'joint' AND done_at IS NULL AND department = ANY(%(departments)s::text[])
RETURNING department;

-- name: part_done
UPDATE cases.party SET done_at = %(now)s, comment = %(comment)s
WHERE case_id = %(case_id)s AND department = %(department)s AND role = %(role)s AND done_at IS NULL;

-- name: parts_reopen
UPDATE cases.party SET done_at = NULL
WHERE case_id = %(case_id)s AND done_at IS NOT NULL
  AND (role = 'lead' OR department = ANY(%(departments)s::text[])) RETURNING department, role;

-- name: parts_waiting
-- What other departments' cases wait for from this one, oldest first.
SELECT p.added_at, c.id, c.number, c.title, c.status, c.department, c.category, c.due_at
FROM cases.party p JOIN cases."case" c ON c.id = p.case_id
WHERE p.role = 'joint' AND p.done_at IS NULL AND p.department = %(department)s
  AND c.status IN ('desk', 'assigned', 'handling')
ORDER BY p.added_at, c.id LIMIT %(limit)s;

-- name: children
SELECT id, number, title, status, department, due_at FROM cases."case"
WHERE parent_id = %(case_id)s ORDER BY id;

-- name: children_running
SELECT number FROM cases."case"
WHERE parent_id = %(case_id)s AND status IN ('desk', 'assigned', 'handling', 'checking') ORDER BY id LIMIT 1;

-- name: child_of
UPDATE cases."case" SET parent_id = %(parent_id)s WHERE id = %(id)s;

-- name: kin
SELECT id, number, title, status, department, due_at FROM cases."case" WHERE id = %(id)s;

-- name: request_insert
INSERT INTO cases.request (id, case_id, kind, state, department, asked_by, asked_by_name, asked_at, reason,
    hours, until, about, judged_by)
VALUES (%(id)s, %(case_id)s, %(kind)s, 'asked', %(department)s, %(asked_by)s, %(asked_by_name)s, %(asked_at)s,
    %(reason)s, %(hours)s, %(until)s, %(about)s, %(judged_by)s);

-- name: request_get
SELECT * FROM cases.request WHERE id = %(id)s;

-- name: request_decide
-- Only what is still asked can be decided: the case is locked, so nobody decides it twice.
UPDATE cases.request SET state = %(state)s, decided_by = %(decided_by)s, decided_by_name = %(decided_by_name)s,
    decided_at = %(now)s, decision_comment = %(comment)s
WHERE id = %(id)s AND state = 'asked' RETURNING *;

-- name: requests_lapse
UPDATE cases.request SET state = 'lapsed', decided_at = %(now)s
WHERE case_id = %(case_id)s AND state = 'asked' AND kind = ANY(%(kinds)s::text[]) RETURNING kind;

-- name: requests_of_case
SELECT * FROM cases.request WHERE case_id = %(case_id)s ORDER BY id;

-- name: requests_page
-- What waits is little and has an index of its own; who may not decide on a request never sees it here.
SELECT r.*, c.number, c.title, c.status, c.category, c.due_at, c.department AS case_department
FROM cases.request r JOIN cases."case" c ON c.id = r.case_id
WHERE r.state = 'asked'
  AND ((r.kind = ANY(%(kinds)s::text[]) AND r.asked_by IS DISTINCT FROM %(own)s::uuid
        AND r.judged_by IS DISTINCT FROM %(own)s::uuid
        AND (%(department)s::text IS NULL OR r.department IS DISTINCT FROM %(department)s::text))
       OR (%(asked)s::boolean AND (r.asked_by = %(own)s::uuid OR r.department = %(department)s::text)))
  AND (%(after)s::uuid IS NULL OR r.id > %(after)s::uuid)
ORDER BY r.id LIMIT %(limit)s;

-- name: verdict
-- The newest verdict of the kind that an appeal is against.
SELECT event, actor_id FROM cases.timeline
WHERE case_id = %(case_id)s AND event = ANY(%(events)s::text[]) ORDER BY id DESC LIMIT 1;

-- name: suspended_until_passed
SELECT id FROM cases."case"
WHERE suspended_at IS NOT NULL AND suspended_until <= %(now)s
ORDER BY suspended_until LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED;

-- name: archive
-- Type by type, so that each reads its own end of the index; what is appealed against waits.
WITH due AS (
    SELECT found.id FROM cases.case_type t CROSS JOIN LATERAL (
        SELECT c.id FROM cases."case" c
        WHERE c.case_type = t.type AND c.archived_at IS NULL AND c.status IN ('closed', 'rated', 'rejected')
          AND coalesce(c.closed_at, c.changed_at) < %(now)s::timestamptz - make_interval(days => t.archive_after_days)
          AND NOT EXISTS (SELECT FROM cases.request r WHERE r.case_id = c.id AND r.state = 'asked')
        ORDER BY coalesce(c.closed_at, c.changed_at) LIMIT %(limit)s
    ) AS found LIMIT %(limit)s
)
UPDATE cases."case" c SET archived_at = %(now)s FROM due
WHERE c.id = due.id AND c.archived_at IS NULL RETURNING c.*;

-- name: timeline_insert_many
INSERT INTO cases.timeline (id, case_id, time, event, actor_name, actor_kind, detail)
SELECT u.id, u.case_id, %(now)s, %(event)s, %(actor_name)s, 'system', %(detail)s
FROM unnest(%(ids)s::uuid[], %(case_ids)s::uuid[]) AS u (id, case_id);

-- name: kin_whole
SELECT * FROM cases."case" WHERE id = %(id)s;
