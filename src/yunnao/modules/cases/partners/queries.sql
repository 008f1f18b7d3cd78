-- Other systems' view of the cases that they brought.

-- name: case_by_reference
SELECT c.id, c.number, c.status, c.department, c.category, c.opened_at, c.due_at, c.closed_at, r.reference
FROM cases.external_reference r JOIN cases."case" c ON c.id = r.case_id
WHERE r.system = %(system)s AND r.reference = %(reference)s;

-- name: references_of_case
SELECT r.system, r.reference, c.number, c.status FROM cases.external_reference r
JOIN cases."case" c ON c.id = r.case_id WHERE r.case_id = %(case_id)s ORDER BY r.reference;
