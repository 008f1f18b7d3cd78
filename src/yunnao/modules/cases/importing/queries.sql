-- Imports of sheets.

-- name: import_insert
INSERT INTO cases.import (id, name, file_hash, format, mapping, source, state, sender, sender_id, created_at,
    changed_at)
VALUES (%(id)s, %(name)s, %(file_hash)s, %(format)s, %(mapping)s, %(source)s, 'draft', %(sender)s, %(sender_id)s,
    %(now)s, %(now)s);

-- name: import_get
SELECT * FROM cases.import WHERE id = %(id)s;

-- name: import_lock
-- Starting, correcting and a chunk of work wait for each other.
SELECT * FROM cases.import WHERE id = %(id)s FOR UPDATE;

-- name: imports_list
SELECT * FROM cases.import WHERE %(before)s::uuid IS NULL OR id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s;

-- name: import_mapped
UPDATE cases.import SET mapping = %(mapping)s, source = %(source)s, changed_at = %(now)s WHERE id = %(id)s;

-- name: import_start
UPDATE cases.import SET state = 'waiting', sender = %(sender)s, sender_id = %(sender_id)s, changed_at = %(now)s
WHERE id = %(id)s;

-- name: import_next
-- The oldest with work left that no other worker is at.
SELECT * FROM cases.import WHERE state IN ('waiting', 'running')
ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: import_progress
-- In the transaction of the chunk's cases: after a crash exactly what is missing is done again.
UPDATE cases.import SET state = %(state)s, error = %(error)s, rows_total = coalesce(%(rows_total)s, rows_total),
    rows_done = rows_done + %(done)s, opened = opened + %(opened)s, known = known + %(known)s,
    refused = refused + %(refused)s, changed_at = %(now)s
WHERE id = %(id)s;

-- name: errors_insert
INSERT INTO cases.import_error (import_id, row, code, params, reference)
SELECT %(import_id)s, e.row, e.code, e.params, e.reference
FROM jsonb_to_recordset(%(errors)s) AS e (row int, code text, params jsonb, reference text)
ON CONFLICT DO NOTHING;

-- name: errors_list
SELECT row, code, params, reference FROM cases.import_error
WHERE import_id = %(id)s AND row > %(after)s ORDER BY row LIMIT %(limit)s;

-- name: mapping_put
INSERT INTO cases.import_mapping (name, mapping, changed_by, changed_at)
VALUES (%(name)s, %(mapping)s, %(by)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET mapping = excluded.mapping, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at;

-- name: mapping_get
SELECT mapping FROM cases.import_mapping WHERE name = %(name)s;

-- name: mappings_list
SELECT name, mapping, changed_at FROM cases.import_mapping ORDER BY name LIMIT %(limit)s;

-- name: mapping_delete
DELETE FROM cases.import_mapping WHERE name = %(name)s RETURNING name;

-- name: files_expired
-- A sheet holds who called; once its cases are open it is not needed any more.
UPDATE cases.import i SET file_hash = '' FROM (
    SELECT id, file_hash FROM cases.import
    WHERE state IN ('done', 'failed', 'draft') AND file_hash <> '' AND changed_at < %(before)s
    ORDER BY changed_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS old
WHERE i.id = old.id
RETURNING old.file_hash,
    EXISTS (SELECT 1 FROM cases.import o WHERE o.file_hash = old.file_hash AND o.id <> i.id) AS shared;
