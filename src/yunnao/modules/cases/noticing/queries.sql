-- name: cases
SELECT id, number, status, category, department, district, street, due_at
FROM cases."case" WHERE id = ANY(%(ids)s);

-- name: reporters
-- Each report by its own number: of the cases, of those merged into them, and who follows any of these.
WITH RECURSIVE stands AS (
    SELECT id, id AS main FROM cases."case" WHERE id = ANY(%(ids)s)
    UNION
    SELECT c.id, s.main FROM cases."case" c JOIN stands s ON c.merged_into = s.id
)
SELECT s.main, c.id, c.number, c.reporter_id AS account, c.reporter ->> 'email' AS email,
    c.reporter ->> 'phone' AS phone
FROM stands s JOIN cases."case" c ON c.id = s.id WHERE c.reporter_id IS NOT NULL OR c.reporter IS NOT NULL
UNION ALL
SELECT s.main, f.id, c.number, f.account_id, NULL, NULL
FROM stands s JOIN cases.follower f ON f.case_id = s.id JOIN cases."case" c ON c.id = s.id
WHERE f.account_id IS NOT NULL;
