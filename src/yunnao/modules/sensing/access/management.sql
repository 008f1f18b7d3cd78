-- name: device_lock
SELECT number, id, product, standing, synthetic, owner FROM sensing.device WHERE id = %(device)s FOR UPDATE;

-- name: device_clear
-- What was given as null is taken away; a table's null would leave it.
UPDATE sensing.device SET changed = %(changed)s,
    owner = CASE WHEN %(owner)s THEN NULL ELSE owner END,
    gateway = CASE WHEN %(gateway)s THEN NULL ELSE gateway END
WHERE number = %(number)s;

-- name: device_retire
-- Its readings, alarms and cases stay, and its number is not given again.
UPDATE sensing.device SET standing = 'retired', retired_at = %(now)s, changed = %(changed)s
WHERE number = %(number)s;

-- name: limits
SELECT department, messages_per_minute_max, set_at FROM sensing.department_limit ORDER BY department;

-- name: limit_set
INSERT INTO sensing.department_limit (department, messages_per_minute_max, set_at, set_by)
VALUES (%(department)s, %(limit)s, %(now)s, %(by)s)
ON CONFLICT (department) DO UPDATE SET messages_per_minute_max = excluded.messages_per_minute_max,
    set_at = excluded.set_at, set_by = excluded.set_by;

-- name: limit_delete
DELETE FROM sensing.department_limit WHERE department = %(department)s RETURNING department;
