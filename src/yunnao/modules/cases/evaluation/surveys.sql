-- name: callback_insert
INSERT INTO cases.callback (id, case_id, time, caller_id, caller_name, outcome, score, resolved, comment)
VALUES (%(id)s, %(case_id)s, %(time)s, %(caller_id)s, %(caller_name)s, %(outcome)s, %(score)s, %(resolved)s,
    %(comment)s);

-- name: callbacks_of_case
SELECT id, time, caller_name, outcome, score, resolved, comment FROM cases.callback
WHERE case_id = %(case_id)s ORDER BY id;

-- name: callbacks_due
-- Sampled cases that were closed lately and that nobody has reached yet, those never tried first.
SELECT c.*, f.facts, k.attempts, k.last_at
FROM cases.fact f JOIN cases."case" c ON c.id = f.case_id
LEFT JOIN LATERAL (SELECT count(*) AS attempts, max(time) AS last_at FROM cases.callback WHERE case_id = f.case_id)
    AS k ON true
WHERE f.closed_day >= %(since)s::date AND f.facts & %(sampled)s <> 0 AND f.facts & %(reached)s = 0
  AND c.reporter ->> 'phone' IS NOT NULL
ORDER BY k.attempts, f.closed_day, f.case_id LIMIT %(limit)s;

-- name: survey_strata
-- Closed citizens' cases by category and door, with those that were scored: from these the score of everybody
-- is estimated, as if all kinds of cases had answered alike often.
SELECT f.category, f.source, count(*) AS cases, count(*) FILTER (WHERE f.facts & %(sampled)s <> 0) AS sampled,
    count(*) FILTER (WHERE f.facts & %(called)s <> 0) AS called,
    count(*) FILTER (WHERE f.facts & (%(sampled)s | %(reached)s) = (%(sampled)s | %(reached)s)) AS reached,
    count(*) FILTER (WHERE f.facts & %(resolved)s <> 0) AS resolved,
    count(*) FILTER (WHERE f.facts & %(rated)s <> 0) AS rated,
    count(f.score) AS scored, sum(f.score) AS score, count(*) FILTER (WHERE f.facts & %(satisfied)s <> 0) AS satisfied
FROM cases.fact f
WHERE f.closed_day >= %(start)s::date AND f.closed_day < %(end)s::date AND f.facts & %(citizen)s <> 0
  AND (%(department)s::text IS NULL OR f.department = %(department)s::text)
GROUP BY f.category, f.source;
