-- name: report_ask
INSERT INTO cases.report (id, month, language, asked_at, asked_by)
VALUES (%(id)s, %(month)s, %(language)s, %(now)s, %(asked_by)s);

-- name: report_there
-- Whether the month's own report, made by the clock, is there or on its way.
SELECT id FROM cases.report WHERE month = %(month)s AND language = %(language)s AND state <> 'failed' LIMIT 1;

-- name: report_take
-- Locked to the end of the transaction: two workers never make the same report.
SELECT id, month, language FROM cases.report WHERE state = 'asked' ORDER BY asked_at LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: report_made
UPDATE cases.report SET state = 'made', made_at = %(now)s, pdf_hash = %(pdf_hash)s, xlsx_hash = %(xlsx_hash)s,
    pdf_bytes = %(pdf_bytes)s, xlsx_bytes = %(xlsx_bytes)s, figures = %(figures)s
WHERE id = %(id)s;

-- name: report_failed
UPDATE cases.report SET state = 'failed', made_at = %(now)s, reason = %(reason)s WHERE id = %(id)s;

-- name: reports_list
SELECT id, month, language, state, asked_at, asked_by, made_at, pdf_hash, xlsx_hash, pdf_bytes, xlsx_bytes, reason
FROM cases.report WHERE (%(before)s::uuid IS NULL OR id < %(before)s::uuid) ORDER BY id DESC LIMIT %(limit)s;

-- name: report_get
SELECT id, month, language, state, asked_at, asked_by, made_at, pdf_hash, xlsx_hash, pdf_bytes, xlsx_bytes, reason,
    figures
FROM cases.report WHERE id = %(id)s;

-- name: cases_overdue_longest
-- Running cases whose deadline has passed, those first that have waited longest.
SELECT * FROM cases."case" WHERE status IN ('desk', 'assigned', 'handling', 'checking') AND due_at < %(now)s
ORDER BY due_at LIMIT %(limit)s;
