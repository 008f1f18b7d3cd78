-- name: columns
-- What a list shows of a case.
c.id, c.number, c.title, c.text, c.status, c.source, c.category, c.department, c.district, c.street, c.address,
c.lon, c.lat, c.opened_at, c.due_at, c.overdue_at, c.closed_at, c.confidence, c.automatic, c.scene, c.severity,
c.score, c.reporter_id

-- name: matching
-- Every filter is a parameter that may be null; these statements are never prepared, so the planner sees
-- which are and folds them away.
(%(status)s::text[] IS NULL OR c.status = ANY(%(status)s::text[]))
AND (%(department)s::text IS NULL OR c.department = %(department)s::text)
AND (%(categories)s::text[] IS NULL OR c.category = ANY(%(categories)s::text[]))
AND (%(district)s::text IS NULL OR c.district = %(district)s::text)
AND (%(street)s::text IS NULL OR c.street = %(street)s::text)
AND (%(source)s::text IS NULL OR c.source = %(source)s::text)
AND (%(case_types)s::text[] IS NULL OR c.case_type = ANY(%(case_types)s::text[]))
AND (%(severity)s::text[] IS NULL OR c.severity = ANY(%(severity)s::text[]))
AND (%(since)s::timestamptz IS NULL OR c.opened_at >= %(since)s::timestamptz)
AND (%(until)s::timestamptz IS NULL OR c.opened_at < %(until)s::timestamptz)
AND (%(due_before)s::timestamptz IS NULL OR c.due_at < %(due_before)s::timestamptz)
AND (%(automatic)s::boolean IS NULL OR c.automatic = %(automatic)s::boolean)
AND (%(placed)s::boolean IS NULL OR (c.lon IS NOT NULL) = %(placed)s::boolean)
AND (%(rated)s::boolean IS NULL OR (c.score IS NOT NULL) = %(rated)s::boolean)
AND /*flags*/
AND (%(west)s::float8 IS NULL OR (c.lon BETWEEN %(west)s::float8 AND %(east)s::float8
                                  AND c.lat BETWEEN %(south)s::float8 AND %(north)s::float8))

-- name: flag_photos
-- Flags are conditions of their own, added where they are asked for: the planner joins by such a condition, and
-- takes a partial index for it, only where it stands alone.
EXISTS (SELECT FROM cases.photo p WHERE p.case_id = c.id)

-- name: flag_amber
-- Due soon, and not stopped.
EXISTS (SELECT FROM cases.deadline d WHERE d.case_id = c.id AND d.running AND d.amber_at <= %(now)s
        AND d.due_at > %(now)s AND d.paused_at IS NULL)

-- name: flag_paused
EXISTS (SELECT FROM cases.deadline d WHERE d.case_id = c.id AND d.running AND d.paused_at IS NOT NULL)

-- name: flag_joint
EXISTS (SELECT FROM cases.party p WHERE p.case_id = c.id AND p.role = 'joint')

-- name: flag_merged
c.merged_into IS NOT NULL

-- name: flag_supervised
c.supervised_at IS NOT NULL

-- name: flag_suspended
c.suspended_at IS NOT NULL

-- name: flag_reminded
c.reminders > 0

-- name: flag_sub_case
c.parent_id IS NOT NULL

-- name: flag_handed_over
c.handed_to IS NOT NULL

-- name: flag_archived
c.archived_at IS NOT NULL

-- name: running
-- In these words, so that the planner may take the indexes of running cases alone.
c.status IN ('desk', 'assigned', 'handling', 'checking')

-- name: any
TRUE

-- name: key_newest
NULL::float8

-- name: key_opened
c.opened_at

-- name: key_due
c.due_at

-- name: key_risk
coalesce((SELECT d.risk FROM cases.deadline d WHERE d.case_id = c.id), -1)::float8

-- name: after_newest
(%(after_id)s::uuid IS NULL OR c.id < %(after_id)s::uuid)

-- name: after_opened
-- The key is a pair here and below, since times repeat.
(%(after_id)s::uuid IS NULL OR (c.opened_at, c.id) < (%(after_key)s::timestamptz, %(after_id)s::uuid))

-- name: after_due
(%(after_id)s::uuid IS NULL OR (c.due_at, c.id) > (%(after_key)s::timestamptz, %(after_id)s::uuid))

-- name: after_risk
(%(after_id)s::uuid IS NULL OR (/*key*/, c.id) < (%(after_key)s::float8, %(after_id)s::uuid))

-- name: order_newest
id DESC

-- name: order_opened
-- Where a span of time is given: its index then leads to the span, and in order.
key DESC, id DESC

-- name: order_due
key, id

-- name: order_risk
key DESC, id DESC

-- name: backwards_newest
id

-- name: backwards_opened
key, id

-- name: backwards_due
key DESC, id DESC

-- name: backwards_risk
key, id

-- name: only_id
c.id

-- name: visible_everything
-- For whoever may list every case.
SELECT /*shown*/, /*key*/ AS key, false AS reported FROM cases."case" c
WHERE /*runs*/ AND /*matching*/ AND /*after*/
ORDER BY /*order*/ LIMIT %(window)s

-- name: visible_own
-- A department's cases, those that it was informed of, and what the party reported itself: each by an index
-- of its own and in order, since one condition over all three would read the whole table.
SELECT c.* FROM (
    (SELECT /*shown*/, /*key*/ AS key, false AS reported FROM cases."case" c
     WHERE c.department = %(own_department)s::text AND /*runs*/ AND /*matching*/ AND /*after*/
     ORDER BY /*order*/ LIMIT %(window)s)
    UNION ALL
    (SELECT /*shown*/, /*key*/ AS key, false FROM cases.informed i JOIN cases."case" c ON c.id = i.case_id
     WHERE i.department = %(own_department)s::text AND c.department IS DISTINCT FROM %(own_department)s::text
       AND /*runs*/ AND /*matching*/ AND /*after*/
     ORDER BY /*order*/ LIMIT %(window)s)
    UNION ALL
    (SELECT /*shown*/, /*key*/ AS key, true FROM cases."case" c
     WHERE c.reporter_id = %(own_reporter)s::uuid AND c.department IS DISTINCT FROM %(own_department)s::text
       AND NOT EXISTS (SELECT FROM cases.informed i
                       WHERE i.case_id = c.id AND i.department = %(own_department)s::text)
       AND /*runs*/ AND /*matching*/ AND /*after*/
     ORDER BY /*order*/ LIMIT %(window)s)
) AS c ORDER BY /*order*/ LIMIT %(window)s

-- name: scope_everything
TRUE

-- name: scope_own
(c.department = %(own_department)s::text OR c.reporter_id = %(own_reporter)s::uuid
 OR EXISTS (SELECT FROM cases.informed i WHERE i.case_id = c.id AND i.department = %(own_department)s::text))

-- name: said
-- Whether a case says the words. What offices wrote counts for offices only: a reporter must not learn by
-- searching what it may not read.
(CASE WHEN c.reported THEN s.body ELSE s.body || ' ' || s.notes END) LIKE ALL(%(patterns)s::text[])

-- name: page
/*visible*/

-- name: walk
-- For words that are frequent: the first visible cases, one after the other, until enough say them. A subquery
-- for each keeps the order and stops early, which a join would not; keys alone come from the indexes. Only
-- where too few say them it is told how far the walk went.
WITH seen AS MATERIALIZED (/*visible*/),
hit AS MATERIALIZED (
    SELECT c.id, c.key FROM seen c
    WHERE (SELECT /*said*/ FROM cases.search s WHERE s.case_id = c.id) LIMIT %(limit)s),
last AS MATERIALIZED (SELECT id, key FROM seen ORDER BY /*backwards*/ LIMIT 1)
SELECT e.walked, e.last_id, CASE WHEN e.last_id IS NOT NULL THEN (SELECT key FROM last) END AS last_key, c.*
FROM (SELECT CASE WHEN (SELECT count(*) FROM hit) < %(limit)s THEN (SELECT count(*) FROM seen) END AS walked,
          CASE WHEN (SELECT count(*) FROM hit) < %(limit)s THEN (SELECT id FROM last) END AS last_id) AS e
LEFT JOIN LATERAL (
    SELECT c.*, hit.key FROM hit
    CROSS JOIN LATERAL (SELECT /*columns*/ FROM cases."case" c WHERE c.id = hit.id OFFSET 0) AS c
    ORDER BY /*order*/) AS c ON true

-- name: candidates
-- For words that are rare: all that have them by the index, at most so many, then the first that match. Where
-- there are more, nothing but their number comes back. In the order of identifiers few cases are looked up
-- beyond those that are shown; in any other all are.
WITH found AS MATERIALIZED (
    SELECT s.case_id, s.body, s.notes FROM cases.search s
    WHERE cases.grams(s.body || ' ' || s.notes) @@ %(grams)s::tsquery
      AND (s.body || ' ' || s.notes) LIKE ALL(%(patterns)s::text[])
    LIMIT %(window)s)
SELECT n.n AS candidates, c.*
FROM (SELECT count(*) AS n FROM found) AS n
LEFT JOIN LATERAL (
    SELECT c.* FROM (SELECT * FROM found ORDER BY case_id DESC) AS s
    CROSS JOIN LATERAL (
        SELECT c.* FROM (SELECT /*columns*/, /*key*/ AS key, /*reported*/ AS reported FROM cases."case" c
                         WHERE c.id = s.case_id AND /*scope*/ AND /*runs*/ AND /*matching*/ AND /*after*/) AS c
        WHERE /*said*/ OFFSET 0) AS c
    /*finally*/ LIMIT %(limit)s) AS c ON n.n < %(window)s

-- name: reported_everything
false

-- name: reported_own
(c.department IS DISTINCT FROM %(own_department)s::text AND c.reporter_id = %(own_reporter)s::uuid)

-- name: finally_newest
-- Already so.

-- name: finally_opened
ORDER BY key DESC, id DESC

-- name: finally_due
ORDER BY key, id

-- name: finally_risk
ORDER BY key DESC, id DESC

-- name: count
-- No further than to the bound: nobody reads that there are 812,345.
SELECT count(*) AS n FROM (/*visible*/) AS c

-- name: count_said
SELECT count(*) AS n FROM (/*visible*/) AS c
WHERE (SELECT /*said*/ FROM cases.search s WHERE s.case_id = c.id)

-- name: export_said
SELECT c.* FROM (/*visible*/) AS c
WHERE (SELECT /*said*/ FROM cases.search s WHERE s.case_id = c.id)

-- name: cells
-- Of running cases, and by the day of opening, the indexes alone have all that is needed.
SELECT avg(c.lon) AS lon, avg(c.lat) AS lat, count(*) AS n,
    count(*) FILTER (WHERE c.due_at < %(now)s AND c.status IN ('desk', 'assigned', 'handling', 'checking')) AS overdue,
    CASE WHEN %(by_day)s::boolean THEN (c.opened_at AT TIME ZONE %(zone)s)::date END AS day
FROM cases."case" c
WHERE /*scope*/ AND /*runs*/ AND /*matching*/
GROUP BY floor(c.lon / %(degrees)s), floor(c.lat / %(degrees)s), 5
ORDER BY n DESC LIMIT %(limit)s

-- name: estimate
EXPLAIN (FORMAT JSON) SELECT FROM cases."case" c WHERE /*scope*/ AND /*runs*/ AND /*matching*/

-- name: fold
-- By the same function that folded what is stored.
SELECT array_agg(cases.fold(word) ORDER BY n) AS words
FROM unnest(%(words)s::text[]) WITH ORDINALITY AS w (word, n)

-- name: frequent
-- Shares of the grams that ANALYZE found most often.
SELECT most_common_elems::text::text[] AS grams, most_common_elem_freqs AS shares,
    (SELECT greatest(reltuples, 0)::int FROM pg_class WHERE oid = 'cases.search'::regclass) AS cases
FROM pg_stats WHERE schemaname = 'cases' AND tablename = 'search_grams'

-- name: search_insert
INSERT INTO cases.search (case_id, body) VALUES (%(case_id)s, cases.fold(%(body)s))
ON CONFLICT (case_id) DO UPDATE SET body = excluded.body;

-- name: search_note
-- Up to a bound: a case that was argued over for years must not grow without end.
UPDATE cases.search SET notes = left(btrim(notes || ' ' || cases.fold(%(note)s)), %(chars_max)s)
WHERE case_id = %(case_id)s;

-- name: search_settle
-- What intakes left for later; it waits for nobody and nobody waits for it.
SELECT gin_clean_pending_list('cases.search_grams');
