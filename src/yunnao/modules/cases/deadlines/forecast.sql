-- name: closed_cases
-- The newest closed ones, with the steps that they came to; merged ones were not handled themselves.
SELECT c.id, c.category, c.department, c.district, c.source, extract(epoch FROM c.opened_at)::float8 AS opened,
    extract(epoch FROM c.due_at)::float8 AS due, extract(epoch FROM c.closed_at)::float8 AS closed,
    extract(epoch FROM t.accepted)::float8 AS accepted, extract(epoch FROM t.finished)::float8 AS finished
FROM (
    SELECT id, category, department, district, source, opened_at, due_at, closed_at FROM cases."case"
    WHERE closed_at IS NOT NULL AND status IN ('closed', 'rated') AND merged_into IS NULL
    ORDER BY closed_at DESC LIMIT %(limit)s
) AS c
LEFT JOIN LATERAL (
    SELECT min(time) FILTER (WHERE event = 'accept') AS accepted,
        min(time) FILTER (WHERE event IN ('finish', 'complete')) AS finished
    FROM cases.timeline WHERE case_id = c.id
) AS t ON true;

-- name: running_cases
-- All that run: each is also the load of its department. The status tells the step, so the timeline is not
-- needed.
SELECT c.id, c.category, c.department, c.district, c.source, extract(epoch FROM c.opened_at)::float8 AS opened,
    extract(epoch FROM c.due_at)::float8 AS due, NULL::float8 AS closed,
    CASE WHEN c.status IN ('handling', 'checking') THEN extract(epoch FROM c.opened_at)::float8 END AS accepted,
    CASE WHEN c.status = 'checking' THEN extract(epoch FROM c.opened_at)::float8 END AS finished
FROM cases."case" c
WHERE c.status IN ('desk', 'assigned', 'handling', 'checking')
ORDER BY c.due_at LIMIT %(limit)s;

-- name: past_cases
-- What the running ones are compared with; when they came to a step does not matter here.
SELECT id, category, department, district, source, extract(epoch FROM opened_at)::float8 AS opened,
    extract(epoch FROM due_at)::float8 AS due, extract(epoch FROM closed_at)::float8 AS closed,
    NULL::float8 AS accepted, NULL::float8 AS finished
FROM cases."case"
WHERE closed_at IS NOT NULL AND status IN ('closed', 'rated') AND merged_into IS NULL
ORDER BY closed_at DESC LIMIT %(limit)s;

-- name: risks_update
-- Where it moved: most cases stand still from one round to the next.
UPDATE cases.deadline d SET risk = n.risk, risk_at = %(now)s
FROM unnest(%(ids)s::uuid[], %(risks)s::real[]) AS n (id, risk)
WHERE d.case_id = n.id AND d.running AND (d.risk IS NULL OR abs(d.risk - n.risk) >= %(step)s::real);

-- name: forecast_current
SELECT kind, hash, report, trained_at FROM cases.forecast WHERE current;

-- name: forecast_step_down
UPDATE cases.forecast SET current = false WHERE current;

-- name: forecast_insert
INSERT INTO cases.forecast (id, kind, hash, report, trained_at, current)
VALUES (%(id)s, %(kind)s, %(hash)s, %(report)s, %(now)s, true);
