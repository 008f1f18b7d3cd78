-- name: rules_upsert
INSERT INTO cases.linking_rules (rules) VALUES (%(rules)s) ON CONFLICT (one) DO UPDATE SET rules = excluded.rules;

-- name: rules_get
SELECT rules FROM cases.linking_rules;

-- name: place_insert
INSERT INTO cases.place (case_id, opened_at, cell, spot, category, entity, words)
VALUES (%(case_id)s, %(opened_at)s, %(cell)s, %(spot)s, %(category)s, %(entity)s, %(words)s);

-- name: candidates
-- Few narrow rows of each neighbouring cell, then their cases: the cost does not grow with the city. What
-- has no place is compared with the newest of its category; equal words are found wherever they are.
SELECT c.id, c.number, c.text, c.status, c.source, c.category, c.lon, c.lat, c.opened_at, c.closed_at, c.merged_into
FROM cases."case" c
WHERE c.id IN (
    SELECT p.case_id
    FROM unnest(%(cells)s::bigint[]) AS near (cell)
    CROSS JOIN LATERAL (SELECT case_id FROM cases.place
                        WHERE cell = near.cell AND opened_at >= %(open_since)s
                        ORDER BY opened_at DESC LIMIT %(cell_rows_max)s) p
    UNION
    (SELECT case_id FROM cases.place
     WHERE words = %(words)s AND opened_at >= %(open_since)s ORDER BY opened_at DESC LIMIT %(cell_rows_max)s)
    UNION
    (SELECT case_id FROM cases.place
     WHERE category = %(unplaced_category)s AND opened_at >= %(open_since)s
     ORDER BY opened_at DESC LIMIT %(category_rows_max)s)
)
  AND c.id IS DISTINCT FROM %(case_id)s::uuid AND c.merged_into IS NULL AND c.status <> 'rejected'
  AND (c.status IN ('desk', 'assigned', 'handling', 'checking') OR c.closed_at >= %(closed_since)s);

-- name: links_insert
-- What was decided stays: a repeated search never asks again.
INSERT INTO cases.link (case_id, other_id, kind, score, reasons, suggested_at)
SELECT %(case_id)s, l.other_id, l.kind, l.score, l.reasons, %(now)s
FROM unnest(%(others)s::uuid[], %(kinds)s::text[], %(scores)s::real[], %(reasons)s::jsonb[])
    AS l (other_id, kind, score, reasons)
ON CONFLICT DO NOTHING;

-- name: links_of
-- Both ways: the suggestion stands at the later case, but concerns the earlier too.
SELECT l.case_id, l.other_id, l.kind, l.score, l.reasons, l.state, l.suggested_at, l.decided_at,
    c.id, c.number, c.title, c.status, c.category, c.department, c.district, c.opened_at, c.reporter_id
FROM cases.link l JOIN cases."case" c ON c.id = CASE WHEN l.case_id = %(case_id)s THEN l.other_id ELSE l.case_id END
WHERE l.case_id = %(case_id)s OR l.other_id = %(case_id)s
ORDER BY l.state = 'dismissed', l.score DESC LIMIT %(limit)s;

-- name: link_decide
UPDATE cases.link SET state = %(state)s, decided_at = %(now)s, decided_by = %(by)s
WHERE case_id = %(case_id)s AND other_id = %(other_id)s AND state = 'suggested'
RETURNING case_id, other_id, kind, state;

-- name: links_confirm
-- A merge decides the suggestion between the two, whichever way it was written; merging without one makes it.
INSERT INTO cases.link (case_id, other_id, kind, score, reasons, state, suggested_at, decided_at, decided_by)
SELECT %(case_id)s, %(other_id)s, 'duplicate', 1, '[]', 'confirmed', %(now)s, %(now)s, %(by)s
WHERE NOT EXISTS (SELECT FROM cases.link WHERE case_id = %(other_id)s AND other_id = %(case_id)s)
ON CONFLICT (case_id, other_id) DO UPDATE
    SET state = 'confirmed', kind = 'duplicate', decided_at = %(now)s, decided_by = %(by)s;

-- name: links_confirm_reverse
UPDATE cases.link SET state = 'confirmed', kind = 'duplicate', decided_at = %(now)s, decided_by = %(by)s
WHERE case_id = %(other_id)s AND other_id = %(case_id)s;

-- name: links_waiting
-- The desk's queue of suggestions about cases that still run.
SELECT l.case_id, l.other_id, l.kind, l.score, l.reasons, l.suggested_at,
    a.number, a.title, a.status, b.number AS other_number, b.title AS other_title, b.status AS other_status
FROM cases.link l
JOIN cases."case" a ON a.id = l.case_id AND a.merged_into IS NULL
    AND a.status IN ('desk', 'assigned', 'handling', 'checking')
JOIN cases."case" b ON b.id = l.other_id AND b.merged_into IS NULL
WHERE l.state = 'suggested' AND (%(kind)s::text IS NULL OR l.kind = %(kind)s)
ORDER BY l.suggested_at DESC LIMIT %(limit)s;

-- name: merge_lock
-- Merges are decided by people and few: one at a time, so that no two of them can close a ring.
SELECT pg_advisory_xact_lock(hashtextextended('cases.merge', 58));

-- name: merges_above
-- From a case to the one that stands for it, by way of all between.
WITH RECURSIVE above AS (
    SELECT id, merged_into, 0 AS depth FROM cases."case" WHERE id = %(id)s
    UNION ALL
    SELECT c.id, c.merged_into, above.depth + 1
    FROM above JOIN cases."case" c ON c.id = above.merged_into WHERE above.depth < %(depth_max)s
)
SELECT id, merged_into FROM above ORDER BY depth;

-- name: merged_below
-- Every case that this one stands for, itself first.
WITH RECURSIVE below AS (
    SELECT id, 0 AS depth FROM cases."case" WHERE id = %(id)s
    UNION ALL
    SELECT c.id, below.depth + 1
    FROM below JOIN cases."case" c ON c.merged_into = below.id WHERE below.depth < %(depth_max)s
)
SELECT c.id, c.number, c.title, c.status, c.category, c.department, c.district, c.opened_at, c.reporter_id,
    c.source, c.merged_into
FROM below JOIN cases."case" c ON c.id = below.id ORDER BY below.depth, c.id;

-- name: merge_insert
INSERT INTO cases.merge (id, case_id, into_id, status_before, merged_at)
VALUES (%(id)s, %(case_id)s, %(into_id)s, %(status_before)s, %(now)s);

-- name: merge_standing
SELECT id, into_id, status_before FROM cases.merge WHERE case_id = %(case_id)s AND undone_at IS NULL;

-- name: merge_undo
UPDATE cases.merge SET undone_at = %(now)s WHERE id = %(id)s;

-- name: case_merge
-- The flow's state stays as it was, so that undoing the merge finds the case where it stood.
UPDATE cases."case" SET merged_into = %(into_id)s, status = 'closed', closed_at = %(now)s, changed_at = %(now)s
WHERE id = %(id)s;

-- name: case_unmerge
UPDATE cases."case" SET merged_into = NULL, status = %(status)s, closed_at = NULL, changed_at = %(now)s
WHERE id = %(id)s;

-- name: follower_insert
-- An account follows a case once.
INSERT INTO cases.follower (id, case_id, tracking_hash, account_id, followed_at)
VALUES (%(id)s, %(case_id)s, %(tracking_hash)s, %(account_id)s, %(now)s) ON CONFLICT DO NOTHING RETURNING id;

-- name: follower_by_tracking
SELECT id, case_id, followed_at, score, rating_comment FROM cases.follower WHERE tracking_hash = %(hash)s;

-- name: followers_count
SELECT count(*) AS n FROM cases.follower WHERE case_id = ANY(%(ids)s::uuid[]);

-- name: follower_accounts
-- Accounts to tell: reporters and followers of a case and of those merged into it.
SELECT reporter_id AS account FROM cases."case" WHERE id = ANY(%(ids)s::uuid[]) AND reporter_id IS NOT NULL
UNION
SELECT account_id FROM cases.follower WHERE case_id = ANY(%(ids)s::uuid[]) AND account_id IS NOT NULL;

-- name: follower_rate
UPDATE cases.follower SET score = %(score)s, rating_comment = %(comment)s WHERE id = %(id)s AND score IS NULL
RETURNING id;

-- name: further_rating_insert
INSERT INTO cases.further_rating (case_id, score, comment, rated_at)
VALUES (%(case_id)s, %(score)s, %(comment)s, %(now)s) ON CONFLICT DO NOTHING RETURNING case_id;

-- name: further_rating_get
SELECT score, comment FROM cases.further_rating WHERE case_id = %(case_id)s;

-- name: case_by_number
SELECT * FROM cases."case" WHERE number = %(number)s;

-- name: recurring_delete
DELETE FROM cases.recurring_place;

-- name: recurring_insert
-- A thing, else a cell of the grid, where a category comes back after it was closed; replaced as a whole, so
-- that the list is one small table however many cases there are.
INSERT INTO cases.recurring_place (place, category, cases, reopened, recent, lon, lat, district, first_at, last_at,
    last_case, counted_at)
SELECT place, category, count(*), count(*) FILTER (WHERE opened_at > first_closed_at),
    count(*) FILTER (WHERE opened_at >= %(middle)s), avg(lon), avg(lat), max(district), min(opened_at),
    max(opened_at), (array_agg(id ORDER BY opened_at DESC))[1], %(now)s
FROM (SELECT coalesce(p.entity, to_hex(p.spot)) AS place, c.category, c.id, c.opened_at, c.lon, c.lat, c.district,
          min(c.closed_at) OVER (PARTITION BY coalesce(p.entity, to_hex(p.spot)), c.category) AS first_closed_at
      FROM cases.place p JOIN cases."case" c ON c.id = p.case_id
      WHERE p.opened_at >= %(since)s AND c.merged_into IS NULL AND c.status <> 'rejected'
        AND c.category IS NOT NULL AND (p.entity IS NOT NULL OR p.spot IS NOT NULL)) counted
GROUP BY place, category
HAVING count(*) >= %(cases_min)s AND count(*) FILTER (WHERE opened_at > first_closed_at) > 0;

-- name: recurring_list
SELECT place, category, cases, reopened, recent, lon, lat, district, first_at, last_at, last_case, counted_at
FROM cases.recurring_place
WHERE %(category)s::text[] IS NULL OR category = ANY(%(category)s::text[])
ORDER BY reopened DESC, cases DESC, place LIMIT %(limit)s;

-- name: group_recent
-- Each case of the newest hours with whoever told of it, as one word that tells people apart: one person who
-- writes ten times, or sends the same words ten times without a name, is one.
SELECT c.id, c.category, c.lon, c.lat, c.district, c.opened_at, p.cell, t.topic_id,
    coalesce(c.reporter_id::text, nullif(c.reporter ->> 'phone', ''), encode(p.words, 'hex')) AS person,
    (SELECT count(*) FROM cases.follower f WHERE f.case_id = c.id) AS followers
FROM cases.place p JOIN cases."case" c ON c.id = p.case_id
LEFT JOIN cases.topic_case t ON t.case_id = c.id
WHERE p.opened_at > %(since)s AND c.source <> 'alarm' AND c.status <> 'rejected' AND c.category IS NOT NULL
ORDER BY p.opened_at DESC LIMIT %(limit)s;

-- name: group_past
-- The same hours of past weeks, of the categories in question only.
SELECT c.category, c.district, p.cell, t.topic_id
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w (start, till)
JOIN cases.place p ON p.category = ANY(%(categories)s::text[]) AND p.opened_at > w.start AND p.opened_at <= w.till
JOIN cases."case" c ON c.id = p.case_id
LEFT JOIN cases.topic_case t ON t.case_id = c.id
WHERE c.source <> 'alarm' AND c.status <> 'rejected' LIMIT %(limit)s;

-- name: place_first
SELECT opened_at FROM cases.place ORDER BY opened_at LIMIT 1;

-- name: warnings_running
SELECT id, place, category, reporters FROM cases.group_warning WHERE ended_at IS NULL FOR UPDATE;

-- name: warning_insert
INSERT INTO cases.group_warning (id, category, place, reporters, cases, usual, chance, case_ids, lon, lat, district,
    opened_at, changed_at)
VALUES (%(id)s, %(category)s, %(place)s, %(reporters)s, %(cases)s, %(usual)s, %(chance)s, %(case_ids)s, %(lon)s,
    %(lat)s, %(district)s, %(now)s, %(now)s);

-- name: warning_update
-- While it runs it only grows: how many people it was at its height is what is asked later.
UPDATE cases.group_warning SET reporters = greatest(reporters, %(reporters)s), cases = greatest(cases, %(cases)s),
    usual = %(usual)s, chance = least(chance, %(chance)s), case_ids = %(case_ids)s, changed_at = %(now)s
WHERE id = %(id)s;

-- name: warnings_end
UPDATE cases.group_warning SET ended_at = %(now)s WHERE id = ANY(%(ids)s::uuid[]);

-- name: warnings_list
SELECT * FROM cases.group_warning
WHERE NOT %(open)s::boolean OR acknowledged_at IS NULL
ORDER BY opened_at DESC LIMIT %(limit)s;

-- name: warning_acknowledge
UPDATE cases.group_warning SET acknowledged_at = %(now)s, acknowledged_by = %(by)s, comment = %(comment)s
WHERE id = %(id)s AND acknowledged_at IS NULL RETURNING *;

-- name: warning_get
SELECT * FROM cases.group_warning WHERE id = %(id)s;

-- name: cases_named
SELECT id, number, title, status, category, opened_at FROM cases."case" WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id DESC;
