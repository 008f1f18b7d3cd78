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
AND /*photos*/
AND (%(west)s::float8 IS NULL OR (c.lon BETWEEN %(west)s::float8 AND %(east)s::float8
                                  AND c.lat BETWEEN %(south)s::float8 AND %(north)s::float8))

-- name: with_photos
-- Apart from the parameters that may be null, since the planner joins by it only where it stands alone.
EXISTS (SELECT FROM cases.photo p WHERE p.case_id = c.id)

-- name: running
-- In these words, so that the planner may take the indexes of running cases alone.
c.status IN ('desk', 'assigned', 'handling', 'checking')

-- name: any
TRUE

-- name: after_newest
(%(after_id)s::uuid IS NULL OR c.id < %(after_id)s::uuid)

-- name: after_opened
(%(after_id)s::uuid IS NULL OR (c.opened_at, c.id) < (%(after_time)s::timestamptz, %(after_id)s::uuid))

-- name: after_due
-- The key is the pair, since deadlines repeat.
(%(after_id)s::uuid IS NULL OR (c.due_at, c.id) > (%(after_time)s::timestamptz, %(after_id)s::uuid))

-- name: order_newest
c.id DESC

-- name: order_opened
-- Where a span of time is given: its index then leads to the span, and in order.
c.opened_at DESC, c.id DESC

-- name: order_due
c.due_at, c.id

-- name: key_newest
c.id

-- name: key_opened
c.id, c.opened_at

-- name: key_due
c.id, c.due_at

-- name: time_newest
NULL::timestamptz

-- name: time_opened
c.opened_at

-- name: time_due
c.due_at

-- name: visible_everything
-- For whoever may list every case.
SELECT /*shown*/, false AS reported FROM cases."case" c
WHERE /*runs*/ AND /*matching*/ AND /*after*/
ORDER BY /*order*/ LIMIT %(window)s

-- name: visible_own
-- A department's cases, those that it was informed of, and what the party reported itself: each by an index
-- of its own and in order, since one condition over all three would read the whole table.
SELECT c.* FROM (
    (SELECT /*shown*/, false AS reported FROM cases."case" c
     WHERE c.department = %(own_department)s::text AND /*runs*/ AND /*matching*/ AND /*after*/
     ORDER BY /*order*/ LIMIT %(window)s)
    UNION ALL
    (SELECT /*shown*/, false FROM cases.informed i JOIN cases."case" c ON c.id = i.case_id
     WHERE i.department = %(own_department)s::text AND c.department IS DISTINCT FROM %(own_department)s::text
       AND /*runs*/ AND /*matching*/ AND /*after*/
     ORDER BY /*order*/ LIMIT %(window)s)
    UNION ALL
    (SELECT /*shown*/, true FROM cases."case" c
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
    SELECT c.id FROM seen c WHERE (SELECT /*said*/ FROM cases.search s WHERE s.case_id = c.id) LIMIT %(limit)s)
SELECT e.walked, e.last_id, CASE WHEN e.last_id IS NOT NULL THEN (
        SELECT /*time*/ FROM seen c WHERE c.id = e.last_id LIMIT 1) END AS last_time, c.*
FROM (SELECT CASE WHEN (SELECT count(*) FROM hit) < %(limit)s THEN (SELECT count(*) FROM seen) END AS walked,
          CASE WHEN (SELECT count(*) FROM hit) < %(limit)s THEN (
              SELECT c.id FROM seen c ORDER BY /*backwards*/ LIMIT 1) END AS last_id) AS e
LEFT JOIN LATERAL (
    SELECT c.* FROM hit
    CROSS JOIN LATERAL (SELECT /*columns*/ FROM cases."case" c WHERE c.id = hit.id OFFSET 0) AS c
    ORDER BY /*order*/) AS c ON true

-- name: backwards_newest
c.id

-- name: backwards_opened
c.opened_at, c.id

-- name: backwards_due
c.due_at DESC, c.id DESC

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
        SELECT c.* FROM (SELECT /*columns*/, /*reported*/ AS reported FROM cases."case" c
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
ORDER BY c.opened_at DESC, c.id DESC

-- name: finally_due
ORDER BY c.due_at, c.id

-- name: count
-- No further than to the bound: nobody reads that there are 812,345.
SELECT count(*) AS n FROM (/*visible*/) AS c

-- name: count_said
SELECT count(*) AS n FROM (/*visible*/) AS c
WHERE (SELECT /*said*/ FROM cases.search s WHERE s.case_id = c.id)

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
