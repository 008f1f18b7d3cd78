-- The numbers by which other systems know cases.

-- name: references_lock
-- Two that bring the same number wait for each other; in one order, so that they never wait in a ring.
SELECT pg_advisory_xact_lock(hashtextextended(%(system)s::text || '|' || r.reference, 56))
FROM (SELECT DISTINCT unnest(%(references)s::text[]) AS reference ORDER BY 1) AS r;

-- name: references_known
SELECT reference, case_id FROM cases.external_reference
WHERE system = %(system)s AND reference = ANY(%(references)s::text[]);

-- name: reference_insert
INSERT INTO cases.external_reference (system, reference, case_id, reported_at)
VALUES (%(system)s, %(reference)s, %(case_id)s, %(reported_at)s);

-- name: references_of_case
SELECT system, reference, reported_at FROM cases.external_reference WHERE case_id = %(case_id)s ORDER BY reference;
