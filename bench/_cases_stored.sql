-- name: schema
CREATE SCHEMA IF NOT EXISTS bench;

-- name: patterns
-- The cases that the city's own intake opened, in an order in which few categories have most of the rows.
CREATE TABLE bench.pattern AS
SELECT row_number() OVER (ORDER BY md5(coalesce(category, '')), id) - 1 AS n, c.*
FROM cases."case" c;

-- name: pattern_index
ALTER TABLE bench.pattern ADD PRIMARY KEY (n);

-- name: unchecked
-- Rows that are copied refer to what there is; asking for each of millions takes longer than writing them.
SET session_replication_role = replica;

-- name: checked
SET session_replication_role = origin;

-- name: cases
-- Identifiers follow the moments of opening, as the platform's own do. Old cases are closed or rejected but
-- for a few, new ones run; half of those that were closed have been rated.
INSERT INTO cases."case" (id, number, tracking_hash, source, scene, case_type, flow_hash, status, category,
    department, title, text, address, lon, lat, district, street, reporter, fields, automatic, confidence,
    dispatch, opened_at, due_at, overdue_at, closed_at, changed_at, score, workflow)
SELECT uuidv7(m.opened_at - now()), 'SY-' || to_char(m.opened_at, 'YYYYMMDD') || '-' || lpad(m.i::text, 7, '0'),
    sha256(('synthetic' || m.i)::bytea), m.source, p.scene, p.case_type, p.flow_hash, m.status, p.category,
    CASE WHEN m.status <> 'desk' THEN coalesce(p.department, p.dispatch ->> 'department') END,
    left(m.text, 40), m.text, m.address,
    p.lon + (m.r3 - 0.5) * 0.004, p.lat + (m.r4 - 0.5) * 0.004, p.district,
    coalesce(p.street, (%(below)s::jsonb -> p.district ->> mod(m.i, jsonb_array_length(%(below)s::jsonb -> p.district))::int)),
    jsonb_build_object('name', '合成' || mod(m.i, 9973), 'phone', '1380000' || lpad(mod(m.i, 10000)::text, 4, '0')),
    '{"synthetic": true}', p.automatic, p.confidence, p.dispatch, m.opened_at, m.due_at,
    CASE WHEN coalesce(m.closed_at, now()) > m.due_at THEN m.due_at END, m.closed_at,
    coalesce(m.closed_at, least(now(), m.opened_at + m.r2 * interval '6 hours')),
    CASE WHEN m.status = 'rated' THEN 1 + least(4, floor(sqrt(m.r3) * 5))::int END, p.workflow
FROM (
    SELECT s.*,
        CASE WHEN s.runs THEN (ARRAY['desk', 'assigned', 'handling', 'handling', 'checking'])[1 + floor(s.r2 * 5)::int]
             WHEN s.r2 < 0.02 THEN 'rejected' WHEN s.r2 < 0.5 THEN 'rated' ELSE 'closed' END AS status,
        CASE WHEN NOT s.runs THEN least(now(), s.opened_at - ln(1 - 0.999 * s.r4) * interval '30 hours') END AS closed_at,
        s.opened_at + (ARRAY[8, 24, 72, 120, 168])[1 + floor(s.r3 * 5)::int] * interval '1 hour' AS due_at,
        (ARRAY['citizen', 'hotline', 'hotline', 'officer', 'open311', 'alarm'])[1 + floor(power(s.r4, 1.5) * 6)::int] AS source,
        a.street || mod(s.i, 200) + 1 || '号' AS address,
        concat(a.street, mod(s.i, 200) + 1, '号', (%(where)s::text[])[1 + mod(s.i, cardinality(%(where)s::text[]))], t.text,
            '。', (%(ends)s::text[])[1 + mod(s.i, cardinality(%(ends)s::text[]))]) AS text
    FROM (
        SELECT i, r2, r3, r4, floor(power(r1, 1.6) * %(patterns)s)::bigint AS pattern,
            now() - (%(n)s - i) * (%(days)s * interval '1 day' / %(n)s) AS opened_at,
            CASE WHEN (%(n)s - i) * %(days)s / %(n)s::float8 < 1 THEN r5 < 0.7
                 WHEN (%(n)s - i) * %(days)s / %(n)s::float8 < 3 THEN r5 < 0.4
                 WHEN (%(n)s - i) * %(days)s / %(n)s::float8 < 10 THEN r5 < 0.15
                 ELSE r5 < 0.01 END AS runs
        FROM (SELECT i, random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i) AS dice
    ) AS s
    CROSS JOIN LATERAL (SELECT (%(streets)s::text[])[1 + mod(s.i * 7919, cardinality(%(streets)s::text[]))] AS street) AS a
    JOIN bench.pattern t ON t.n = s.pattern
) AS m
JOIN bench.pattern p ON p.n = m.pattern;

-- name: search
INSERT INTO cases.search (case_id, body)
SELECT c.id, cases.fold(concat_ws(' ', c.number, c.text, c.address, k.name ->> 'zh', k.name ->> 'en',
    u.name ->> 'zh', u.name ->> 'en'))
FROM cases."case" c LEFT JOIN cases.category k ON k.code = c.category
LEFT JOIN cases.category u ON u.code = k.parent
WHERE c.number LIKE %(like)s ORDER BY c.id;

-- name: timeline
-- What the platform notes of a case that goes its usual way.
INSERT INTO cases.timeline (id, case_id, time, event, actor_name, actor_kind, department, category, comment, detail)
SELECT uuidv7(e.time - now()), c.id, e.time, e.event, '{"zh": "合成", "en": "Synthetic"}', e.kind, c.department,
    c.category, e.comment, '{}'
FROM cases."case" c
CROSS JOIN LATERAL (VALUES
    (c.opened_at, 'opened', 'person', NULL, true),
    (c.opened_at, CASE WHEN c.automatic THEN 'assigned_automatically' ELSE 'sent_to_desk' END, 'system', NULL, true),
    (c.opened_at + 0.2 * (c.changed_at - c.opened_at), 'accept', 'person', NULL, c.status IN ('handling', 'checking', 'closed', 'rated')),
    (c.opened_at + 0.8 * (c.changed_at - c.opened_at), 'finish', 'person', '已处理', c.status IN ('checking', 'closed', 'rated')),
    (c.closed_at, 'pass', 'person', NULL, c.status IN ('closed', 'rated')),
    (c.closed_at, 'closed', 'system', NULL, c.status IN ('closed', 'rated')),
    (c.closed_at, 'reject', 'person', '不属实', c.status = 'rejected'),
    (c.closed_at, 'rate', 'person', NULL, c.status = 'rated')
) AS e (time, event, kind, comment, happened)
WHERE e.happened AND c.number LIKE %(like)s;

-- name: deadlines
-- Told of already, so that the clock has nothing to do for them.
INSERT INTO cases.deadline (case_id, opened_at, limit_h, clock, amber_share, due_at, amber_at, told, calendar,
    running, risk)
SELECT c.id, c.opened_at, extract(epoch FROM c.due_at - c.opened_at) / 3600, 'urgent', 0.25, c.due_at,
    c.due_at - 0.25 * (c.due_at - c.opened_at), '{amber,red}', k.calendar, r.running,
    CASE WHEN r.running THEN mod(abs(hashtext(c.number)), 1000) / 1000.0 END
FROM cases."case" c
CROSS JOIN (SELECT calendar FROM cases.deadline LIMIT 1) AS k
CROSS JOIN LATERAL (SELECT c.status IN ('desk', 'assigned', 'handling', 'checking') AS running) AS r
WHERE c.number LIKE %(like)s;

-- name: photos
-- Of every tenth case.
INSERT INTO cases.photo (id, hash, thumb_hash, media_type, width, height, case_id, created_at)
SELECT uuidv7(c.opened_at - now()), md5(c.number), md5(c.number), 'image/jpeg', 800, 600, c.id, c.opened_at
FROM cases."case" c WHERE c.number LIKE %(like)s AND mod(abs(hashtext(c.number)), 10) = 0;

-- name: whole
SELECT count(*), count(*) FILTER (WHERE s.case_id IS NULL OR d.case_id IS NULL OR t.n < 2)
FROM cases."case" c
LEFT JOIN cases.search s ON s.case_id = c.id
LEFT JOIN cases.deadline d ON d.case_id = c.id
CROSS JOIN LATERAL (SELECT count(*) AS n FROM cases.timeline t WHERE t.case_id = c.id) AS t
WHERE c.number NOT LIKE %(like)s;

-- name: raw_begin
-- The last intake, to be written again and again.
CREATE TEMP TABLE raw AS
SELECT c AS made, s.body, d AS deadline,
    (SELECT array_agg(t) FROM cases.timeline t WHERE t.case_id = c.id) AS timeline
FROM cases."case" c JOIN cases.search s ON s.case_id = c.id JOIN cases.deadline d ON d.case_id = c.id
WHERE c.number NOT LIKE %(like)s ORDER BY c.id DESC LIMIT 1;

-- name: raw_one
WITH key AS MATERIALIZED (SELECT uuidv7() AS id, raw.* FROM raw),
a AS (INSERT INTO cases."case" SELECT (jsonb_populate_record(made, jsonb_build_object(
          'id', id, 'number', 'RAW-' || id, 'alarm_id', NULL,
          'tracking_hash', '\x' || encode(sha256(id::text::bytea), 'hex')))).* FROM key),
b AS (INSERT INTO cases.search (case_id, body) SELECT id, body FROM key),
c AS (INSERT INTO cases.deadline SELECT (jsonb_populate_record(deadline, jsonb_build_object('case_id', id))).* FROM key),
d AS (INSERT INTO cases.timeline SELECT (jsonb_populate_record(t, jsonb_build_object(
          'id', uuidv7(), 'case_id', key.id))).* FROM key, unnest(timeline) AS t),
e AS (INSERT INTO infra.outbox (id, subject, payload) SELECT uuidv7(), 'bench.nothing', '{}' FROM key)
SELECT pg_notify('outbox', '');
