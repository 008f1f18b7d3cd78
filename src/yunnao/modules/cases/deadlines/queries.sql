-- name: deadline_insert
INSERT INTO cases.deadline (case_id, opened_at, limit_h, clock, amber_share, due_at, amber_at, step,
    step_began_at, step_limit_h, step_clock, step_due_at, next_at, calendar, running)
VALUES (%(case_id)s, %(opened_at)s, %(limit_h)s, %(clock)s, %(amber_share)s, %(due_at)s, %(amber_at)s,
    %(step)s, %(step_began_at)s, %(step_limit_h)s, %(step_clock)s, %(step_due_at)s, %(next_at)s,
    %(calendar)s, %(running)s)
ON CONFLICT DO NOTHING;

-- name: deadline_lock
-- The case first and its deadline after it, as every other place does, so that nobody waits in a ring.
SELECT d.*, c.status, c.category, c.case_type, c.overdue_at
FROM cases."case" c JOIN cases.deadline d ON d.case_id = c.id
WHERE c.id = %(case_id)s FOR UPDATE OF c, d;

-- name: deadlines_update
-- Many at once; ragged arrays come as JSON.
UPDATE cases.deadline d SET limit_h = n.limit_h, clock = n.clock, amber_share = n.amber_share, extra_h = n.extra_h,
    pauses = n.pauses, paused_at = n.paused_at, due_at = n.due_at, amber_at = n.amber_at, step = n.step,
    step_began_at = n.step_began_at, step_limit_h = n.step_limit_h, step_clock = n.step_clock,
    step_due_at = n.step_due_at, told = n.told, next_at = n.next_at, calendar = n.calendar, running = n.running
FROM jsonb_to_recordset(%(deadlines)s) AS n (case_id uuid, limit_h float8, clock text, amber_share float8,
    extra_h float8, pauses jsonb, paused_at timestamptz, due_at timestamptz, amber_at timestamptz, step text,
    step_began_at timestamptz, step_limit_h float8, step_clock text, step_due_at timestamptz, told text[],
    next_at timestamptz, calendar text, running boolean)
WHERE d.case_id = n.case_id;

-- name: cases_due
-- `changed_at` is left: time that passes is no step of the case.
UPDATE cases."case" c SET due_at = n.due_at, overdue_at = n.overdue_at
FROM jsonb_to_recordset(%(deadlines)s) AS n (case_id uuid, due_at timestamptz, overdue_at timestamptz)
WHERE c.id = n.case_id AND (c.due_at, c.overdue_at) IS DISTINCT FROM (n.due_at, n.overdue_at);

-- name: deadlines_due
-- Those of which something is to be told. A case in somebody's hands is passed by until the next round.
SELECT d.*, c.id, c.number, c.title, c.status, c.category, c.case_type, c.department, c.lon, c.lat, c.severity, c.district,
    c.street, c.overdue_at
FROM cases.deadline d JOIN cases."case" c ON c.id = d.case_id
WHERE d.next_at <= %(now)s
ORDER BY d.next_at LIMIT %(limit)s FOR UPDATE OF c, d SKIP LOCKED;

-- name: deadlines_of_old_calendar
-- Two ranges rather than "differs", which no index answers.
SELECT d.*, c.id, c.number, c.title, c.status, c.category, c.case_type, c.department, c.lon, c.lat, c.severity, c.district,
    c.street, c.overdue_at
FROM cases.deadline d JOIN cases."case" c ON c.id = d.case_id
WHERE d.running AND (d.calendar < %(calendar)s OR d.calendar > %(calendar)s)
LIMIT %(limit)s FOR UPDATE OF c, d SKIP LOCKED;

-- name: deadline_adopt
-- One case that came in without a deadline, running or not.
INSERT INTO cases.deadline (case_id, opened_at, clock, amber_share, due_at, amber_at, told, calendar, running)
SELECT c.id, c.opened_at, 'working', 0.25, c.due_at, c.due_at,
    CASE WHEN c.overdue_at IS NULL THEN '{}' ELSE '{amber,red}' END::text[], '',
    c.status IN ('desk', 'assigned', 'handling', 'checking')
FROM cases."case" c WHERE c.id = %(case_id)s
ON CONFLICT DO NOTHING;

-- name: deadlines_adopt
-- Running cases that came in without a deadline of their own, as by a bulk load.
INSERT INTO cases.deadline (case_id, opened_at, clock, amber_share, due_at, amber_at, told, calendar, running)
SELECT c.id, c.opened_at, 'working', 0.25, c.due_at, c.due_at,
    CASE WHEN c.overdue_at IS NULL THEN '{}' ELSE '{amber,red}' END::text[], '', true
FROM cases."case" c
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking')
  AND NOT EXISTS (SELECT FROM cases.deadline d WHERE d.case_id = c.id)
LIMIT %(limit)s
ON CONFLICT DO NOTHING;

-- name: deadlines_shown
-- Whether it runs is what the case says: some that change a case do not know of its deadline.
SELECT d.case_id, d.opened_at, d.limit_h, d.clock, d.amber_share, d.extra_h, d.pauses, d.paused_at, d.due_at,
    d.amber_at, d.step, d.step_due_at, d.told, d.risk, d.risk_at,
    c.status IN ('desk', 'assigned', 'handling', 'checking') AS running
FROM cases.deadline d JOIN cases."case" c ON c.id = d.case_id WHERE d.case_id = ANY(%(ids)s);

-- name: timeline_insert_many
INSERT INTO cases.timeline (id, case_id, time, event, actor_name, actor_kind, department, detail)
SELECT id, case_id, %(now)s, event, %(actor_name)s, 'system', department, detail
FROM unnest(%(ids)s::uuid[], %(case_ids)s::uuid[], %(events)s::text[], %(departments)s::text[], %(details)s::jsonb[])
    AS t (id, case_id, event, department, detail);
