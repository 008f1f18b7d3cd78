-- name: views
-- One's own and those shared with one's department or a role of one's own.
SELECT v.id, v.owner_id, v.name, v.filter, v.columns, v.sort, v.department, v.role, v.changed_at,
    d.view_id IS NOT NULL AS begins
FROM cases.case_view v
LEFT JOIN cases.case_view_default d ON d.view_id = v.id AND d.party_id = %(party)s
WHERE (v.owner_id = %(party)s OR v.department = %(department)s::text OR v.role = ANY(%(roles)s::text[]))
  AND (%(id)s::uuid IS NULL OR v.id = %(id)s::uuid)
ORDER BY v.owner_id <> %(party)s, v.name, v.id LIMIT %(limit)s;

-- name: views_owned
SELECT count(*) AS n FROM cases.case_view WHERE owner_id = %(party)s;

-- name: view_put
-- Nothing comes back where the view is somebody else's.
INSERT INTO cases.case_view (id, owner_id, name, filter, columns, sort, department, role, changed_at)
VALUES (%(id)s, %(party)s, %(name)s, %(filter)s, %(columns)s, %(sort)s, %(department)s, %(role)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, filter = excluded.filter, columns = excluded.columns,
    sort = excluded.sort, department = excluded.department, role = excluded.role, changed_at = excluded.changed_at
WHERE case_view.owner_id = excluded.owner_id
RETURNING id;

-- name: view_delete
DELETE FROM cases.case_view WHERE id = %(id)s AND owner_id = %(party)s RETURNING id;

-- name: default_put
INSERT INTO cases.case_view_default (party_id, view_id) VALUES (%(party)s, %(id)s)
ON CONFLICT (party_id) DO UPDATE SET view_id = excluded.view_id;

-- name: default_delete
DELETE FROM cases.case_view_default WHERE party_id = %(party)s AND view_id = %(id)s;
