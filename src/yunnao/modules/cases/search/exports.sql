-- name: export_ask
INSERT INTO cases.case_export (id, party_id, format, language, filter, state, asked_at)
VALUES (%(id)s, %(party)s, %(format)s, %(language)s, %(filter)s, 'asked', %(now)s);

-- name: exports_open
SELECT count(*) AS n FROM cases.case_export WHERE party_id = %(party)s AND state IN ('asked', 'writing');

-- name: exports
SELECT id, format, filter, state, rows, whole, file_hash, error, asked_at, done_at FROM cases.case_export
WHERE party_id = %(party)s AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid) ORDER BY id DESC LIMIT %(limit)s;

-- name: export_claim
-- The next that waits, or that a worker began and did not end.
UPDATE cases.case_export SET state = 'writing', claimed_at = %(now)s, rows = 0
WHERE id = (SELECT id FROM cases.case_export
            WHERE state = 'asked' OR (state = 'writing' AND claimed_at < %(lost)s)
            ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, party_id, format, language, filter;

-- name: export_progress
UPDATE cases.case_export SET rows = %(rows)s, claimed_at = %(now)s WHERE id = %(id)s AND state = 'writing';

-- name: export_done
UPDATE cases.case_export SET state = 'done', rows = %(rows)s, whole = %(whole)s, file_hash = %(file_hash)s,
    done_at = %(now)s WHERE id = %(id)s;

-- name: export_failed
UPDATE cases.case_export SET state = 'failed', error = %(error)s, done_at = %(now)s WHERE id = %(id)s;

-- name: exports_prune
DELETE FROM cases.case_export WHERE asked_at < %(before)s AND state IN ('done', 'failed') RETURNING file_hash;
