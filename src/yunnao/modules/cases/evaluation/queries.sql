-- name: indicators_retire
UPDATE cases.indicator SET retired = true WHERE scene = %(scene)s AND NOT name = ANY(%(names)s::text[]);

-- name: indicators_changed
-- Whether what is summed changes: then every day must be summed anew.
SELECT count(*) AS n
FROM jsonb_to_recordset(%(indicators)s) AS n (name text, operator text, basis text, measure text, of_all int,
    of_none int, where_all int, where_none int)
LEFT JOIN cases.indicator i USING (name)
WHERE (i.operator, i.basis, i.measure, i.of_all, i.of_none, i.where_all, i.where_none)
    IS DISTINCT FROM (n.operator, n.basis, n.measure, n.of_all, n.of_none, n.where_all, n.where_none);

-- name: indicators_upsert
-- A new one takes the next place in the arrays; places of retired ones are never given again.
INSERT INTO cases.indicator (name, scene, position, shown, spec, operator, basis, measure, of_all, of_none,
    where_all, where_none)
SELECT n.name, %(scene)s,
    coalesce(i.position, (SELECT coalesce(max(position), 0) FROM cases.indicator)
             + row_number() OVER (PARTITION BY i.position IS NULL ORDER BY n.shown)),
    n.shown, n.spec, n.operator, n.basis, n.measure, n.of_all, n.of_none, n.where_all, n.where_none
FROM jsonb_to_recordset(%(indicators)s) AS n (name text, shown int, spec jsonb, operator text, basis text,
    measure text, of_all int, of_none int, where_all int, where_none int)
LEFT JOIN cases.indicator i USING (name)
ON CONFLICT (name) DO UPDATE SET scene = excluded.scene, shown = excluded.shown, spec = excluded.spec,
    operator = excluded.operator, basis = excluded.basis, measure = excluded.measure, of_all = excluded.of_all,
    of_none = excluded.of_none, where_all = excluded.where_all, where_none = excluded.where_none,
    retired = false;

-- name: indicators_list
SELECT name, scene, position, spec FROM cases.indicator WHERE NOT retired ORDER BY scene, shown;

-- name: settings_put
UPDATE cases.evaluation SET city = %(city)s, settings = %(settings)s;

-- name: state_get
SELECT city, settings, kept_at, (SELECT count(*) FROM cases.evaluation_due_day) AS days_due,
    (SELECT count(*) FROM (SELECT FROM cases.evaluation_due_case LIMIT 10000) AS waiting) AS cases_due
FROM cases.evaluation;

-- name: kept
UPDATE cases.evaluation SET kept_at = %(now)s;

-- name: days_all_due
INSERT INTO cases.evaluation_due_day
SELECT opened_day FROM cases.fact UNION SELECT closed_day FROM cases.fact WHERE closed_day IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: months_all_due
INSERT INTO cases.evaluation_due_month SELECT DISTINCT date_trunc('month', day)::date FROM cases.evaluation_due_day
ON CONFLICT DO NOTHING;

-- name: changes_read
-- Every transaction below the oldest that still runs has ended, so nothing can appear below it later. A
-- mark beyond that is of another cluster (a restored backup): then everything is read anew.
WITH bound AS (
    SELECT CASE WHEN read_to > pg_snapshot_xmin(pg_current_snapshot()) THEN '0'::xid8 ELSE read_to END AS low,
        pg_snapshot_xmin(pg_current_snapshot()) AS high, read_to
    FROM cases.evaluation FOR UPDATE
), moved AS (
    UPDATE cases.evaluation SET read_to = bound.high FROM bound
), changed AS (
    SELECT DISTINCT case_id FROM cases.timeline, bound WHERE txid >= bound.low AND txid < bound.high
    UNION
    SELECT id FROM cases."case", bound WHERE bound.low <> bound.read_to
)
INSERT INTO cases.evaluation_due_case SELECT case_id FROM changed ON CONFLICT DO NOTHING;

-- name: cases_take
DELETE FROM cases.evaluation_due_case
WHERE case_id IN (SELECT case_id FROM cases.evaluation_due_case ORDER BY case_id LIMIT %(limit)s
                  FOR UPDATE SKIP LOCKED)
RETURNING case_id;

-- name: facts_keep
-- What is known of the cases `ids`, in one statement: the timeline's events as bits, the case's own columns,
-- the last answered call-back. Days and months that a changed row leaves or enters become due.
WITH seen AS (
    SELECT t.case_id, bit_or(e.bits) AS bits,
        min(t.time) FILTER (WHERE t.event = 'accept') AS accepted_at,
        max(t.time) FILTER (WHERE t.event = 'finish') AS finished_at,
        (array_agg(t.actor_id ORDER BY t.id DESC)
            FILTER (WHERE t.event IN ('accept', 'finish') AND t.actor_kind = 'person'))[1] AS person
    FROM cases.timeline t
    LEFT JOIN unnest(%(events)s::text[], %(event_bits)s::int[]) AS e (event, bits) ON e.event = t.event
    WHERE t.case_id = ANY(%(ids)s::uuid[])
    GROUP BY t.case_id
), called AS (
    SELECT case_id, bit_or(CASE outcome WHEN 'answered' THEN %(reached)s ELSE 0 END | %(called)s) AS bits,
        (array_agg(score ORDER BY id DESC) FILTER (WHERE outcome = 'answered' AND score IS NOT NULL))[1] AS score,
        (array_agg(resolved ORDER BY id DESC) FILTER (WHERE outcome = 'answered'))[1] AS resolved
    FROM cases.callback WHERE case_id = ANY(%(ids)s::uuid[]) GROUP BY case_id
), known AS (
    SELECT c.id, (c.opened_at AT TIME ZONE city.time_zone)::date AS opened_day,
        (c.closed_at AT TIME ZONE city.time_zone)::date AS closed_day,
        c.department, c.district, c.street, c.category, c.source, s.person, c.status, c.opened_at, c.closed_at,
        c.due_at, c.automatic, c.overdue_at, c.merged_into, c.reporter_id, c.reporter ->> 'phone' AS phone,
        c.score AS rating, coalesce(k.score, c.score) AS score, k.resolved, s.accepted_at, s.finished_at,
        coalesce(s.bits, 0) | coalesce(k.bits, 0) AS bits, old.facts AS old_facts,
        old.closed_day IS NOT NULL AS was_closed
    FROM cases."case" c
    CROSS JOIN cases.city
    LEFT JOIN seen s ON s.case_id = c.id
    LEFT JOIN called k ON k.case_id = c.id
    LEFT JOIN cases.fact old ON old.case_id = c.id
    WHERE c.id = ANY(%(ids)s::uuid[])
), judged AS (
    SELECT k.*, k.status IN ('closed', 'rated') AND k.closed_at IS NOT NULL AS closed,
        k.source IN ('citizen', 'open311', 'hotline') AS citizen
    FROM known k
), told AS (
    SELECT j.id, j.opened_day, CASE WHEN j.closed THEN j.closed_day END AS closed_day, j.department, j.district,
        j.street, j.category, j.source, j.person,
        j.bits
        | CASE WHEN j.closed THEN %(closed)s | %(settled)s ELSE 0 END
        | CASE WHEN j.status = 'rejected' THEN %(rejected)s ELSE 0 END
        | CASE WHEN j.citizen THEN %(citizen)s ELSE 0 END
        | CASE WHEN j.automatic THEN %(automatic)s ELSE 0 END
        | CASE WHEN j.finished_at <= j.due_at THEN %(handled_on_time)s ELSE 0 END
        | CASE WHEN j.closed AND j.closed_at <= j.due_at THEN %(closed_on_time)s ELSE 0 END
        | CASE WHEN j.overdue_at IS NOT NULL OR coalesce(j.closed_at, '-infinity') > j.due_at
               THEN %(overdue)s ELSE 0 END
        | CASE WHEN j.rating IS NOT NULL AND j.citizen THEN %(rated)s ELSE 0 END
        | CASE WHEN j.resolved THEN %(resolved)s ELSE 0 END
        | CASE WHEN j.merged_into IS NOT NULL THEN %(merged)s ELSE 0 END
        | CASE WHEN j.score IS NOT NULL THEN %(scored)s ELSE 0 END
        | CASE WHEN j.score >= 4 THEN %(satisfied)s ELSE 0 END
        -- Whether a case is in the sample is decided once, by its id: nobody can choose whom to call.
        | CASE WHEN j.was_closed THEN j.old_facts & %(sampled)s
               WHEN j.closed AND j.citizen
                    AND ('x' || substr(md5(j.id::text), 1, 7))::bit(28)::int < %(survey_share)s * 268435456
               THEN %(sampled)s ELSE 0 END
        -- A reporter who has since been made anonymous stays the repeat that he was.
        | CASE WHEN NOT j.citizen THEN 0
               WHEN j.phone IS NULL AND j.reporter_id IS NULL THEN coalesce(j.old_facts, 0) & %(repeat)s
               WHEN EXISTS (SELECT FROM cases."case" p
                            WHERE p.reporter ->> 'phone' = j.phone AND p.category = j.category AND p.id < j.id
                              AND p.opened_at >= j.opened_at - %(repeat_span)s::interval)
                 OR (j.source = 'citizen' AND EXISTS (
                        SELECT FROM cases."case" p
                        WHERE p.reporter_id = j.reporter_id AND p.category = j.category AND p.id < j.id
                          AND p.opened_at >= j.opened_at - %(repeat_span)s::interval))
               THEN %(repeat)s ELSE 0 END AS facts,
        extract(epoch FROM least(j.accepted_at, CASE WHEN j.closed THEN j.closed_at END) - j.opened_at)::real
            / 3600 AS response_h,
        CASE WHEN j.closed THEN extract(epoch FROM j.closed_at - j.opened_at)::real / 3600 END AS resolution_h,
        extract(epoch FROM j.finished_at - j.accepted_at)::real / 3600 AS handling_h,
        CASE WHEN j.citizen THEN j.score END AS score
    FROM judged j
), old AS (
    SELECT f.* FROM cases.fact f WHERE f.case_id = ANY(%(ids)s::uuid[])
), kept AS (
    INSERT INTO cases.fact AS f (case_id, opened_day, closed_day, department, district, street, category, source,
        person, facts, response_h, resolution_h, handling_h, score)
    SELECT * FROM told
    ON CONFLICT (case_id) DO UPDATE SET opened_day = excluded.opened_day, closed_day = excluded.closed_day,
        department = excluded.department, district = excluded.district, street = excluded.street,
        category = excluded.category, source = excluded.source, person = excluded.person,
        facts = excluded.facts, response_h = excluded.response_h, resolution_h = excluded.resolution_h,
        handling_h = excluded.handling_h, score = excluded.score
    WHERE f IS DISTINCT FROM excluded
    RETURNING f.case_id, f.opened_day, f.closed_day
), days AS (
    SELECT opened_day AS day FROM kept UNION SELECT closed_day FROM kept
    UNION SELECT o.opened_day FROM old o JOIN kept USING (case_id)
    UNION SELECT o.closed_day FROM old o JOIN kept USING (case_id)
), due_months AS (
    INSERT INTO cases.evaluation_due_month
    SELECT DISTINCT date_trunc('month', day)::date FROM days WHERE day IS NOT NULL ON CONFLICT DO NOTHING
)
INSERT INTO cases.evaluation_due_day SELECT day FROM days WHERE day IS NOT NULL ON CONFLICT DO NOTHING;

-- name: persons_keep
-- The name that a person last acted under.
INSERT INTO cases.evaluation_person (id, name)
SELECT DISTINCT ON (actor_id) actor_id, actor_name FROM cases.timeline
WHERE case_id = ANY(%(ids)s::uuid[]) AND event IN ('accept', 'finish') AND actor_kind = 'person'
  AND actor_id IS NOT NULL
ORDER BY actor_id, id DESC
ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE evaluation_person.name <> excluded.name;

-- name: persons_list
SELECT id::text AS id, name FROM cases.evaluation_person WHERE id = ANY(%(ids)s::uuid[]);

-- name: days_take
DELETE FROM cases.evaluation_due_day
WHERE day IN (SELECT day FROM cases.evaluation_due_day ORDER BY day DESC LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING day;

-- name: days_clear
DELETE FROM cases.evaluation_day WHERE day = ANY(%(days)s::date[]);

-- name: days_sum
-- Cases are first counted by what holds of them (few combinations), and only then by indicator.
INSERT INTO cases.evaluation_day (day, cut, key, denominators, numerators, squares)
WITH told AS (
    SELECT opened_day AS day, 'opened' AS basis, f.* FROM cases.fact f WHERE opened_day = ANY(%(days)s::date[])
    UNION ALL
    SELECT closed_day, 'closed', f.* FROM cases.fact f WHERE closed_day = ANY(%(days)s::date[])
), cells AS (
    SELECT day, basis, g.cut, g.key, facts, count(*) AS n,
        ARRAY[count(response_h), count(resolution_h), count(handling_h), count(score)] AS counts,
        ARRAY[sum(response_h::float8), sum(resolution_h::float8), sum(handling_h::float8), sum(score::float8)] AS sums,
        ARRAY[sum(response_h::float8 ^ 2), sum(resolution_h::float8 ^ 2), sum(handling_h::float8 ^ 2),
              sum(score::float8 ^ 2)] AS squares
    FROM told CROSS JOIN LATERAL (VALUES ('all', ''), ('department', department), ('district', district),
        ('street', street), ('category', category), ('source', source), ('person', person::text)) AS g (cut, key)
    WHERE g.key IS NOT NULL
    GROUP BY day, basis, g.cut, g.key, facts
), sums AS (
    SELECT c.day, c.cut, c.key, i.position,
        sum(CASE WHEN i.m IS NULL THEN c.n ELSE c.counts[i.m] END) AS denominator,
        sum(CASE i.operator WHEN 'mean' THEN c.sums[i.m] WHEN 'count' THEN c.n
            ELSE CASE WHEN c.facts & i.where_all = i.where_all AND c.facts & i.where_none = 0
                      THEN c.n ELSE 0 END END) AS numerator,
        sum(CASE WHEN i.m IS NULL THEN 0 ELSE c.squares[i.m] END) AS square
    FROM cells c
    JOIN (SELECT *, array_position(%(measures)s::text[], measure) AS m FROM cases.indicator) AS i
        ON i.basis = c.basis AND c.facts & i.of_all = i.of_all AND c.facts & i.of_none = 0
    GROUP BY c.day, c.cut, c.key, i.position
)
SELECT g.day, g.cut, g.key, array_agg(coalesce(s.denominator, 0) ORDER BY p.position),
    array_agg(coalesce(s.numerator, 0) ORDER BY p.position), array_agg(coalesce(s.square, 0) ORDER BY p.position)
FROM (SELECT DISTINCT day, cut, key FROM cells) AS g
CROSS JOIN (SELECT position FROM cases.indicator) AS p
LEFT JOIN sums s ON s.day = g.day AND s.cut = g.cut AND s.key = g.key AND s.position = p.position
GROUP BY g.day, g.cut, g.key;

-- name: months_take
-- A month whose days still wait is not taken: it would have to be summed again at once.
DELETE FROM cases.evaluation_due_month
WHERE month IN (SELECT month FROM cases.evaluation_due_month m
                WHERE NOT EXISTS (SELECT FROM cases.evaluation_due_day d
                                  WHERE d.day >= m.month AND d.day < m.month + interval '1 month')
                ORDER BY month DESC LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING month;

-- name: months_clear
DELETE FROM cases.evaluation_month WHERE month = ANY(%(months)s::date[]);

-- name: months_sum
-- As of days; besides, the cuts that are ranked by category.
INSERT INTO cases.evaluation_month (month, cut, key, category, denominators, numerators, squares)
WITH told AS (
    SELECT date_trunc('month', opened_day)::date AS month, 'opened' AS basis, f.* FROM cases.fact f
    WHERE opened_day >= %(start)s::date AND opened_day < %(start)s::date + interval '1 month'
    UNION ALL
    SELECT date_trunc('month', closed_day)::date, 'closed', f.* FROM cases.fact f
    WHERE closed_day >= %(start)s::date AND closed_day < %(start)s::date + interval '1 month'
), cells AS (
    SELECT month, basis, g.cut, g.key, g.part, facts, count(*) AS n,
        ARRAY[count(response_h), count(resolution_h), count(handling_h), count(score)] AS counts,
        ARRAY[sum(response_h::float8), sum(resolution_h::float8), sum(handling_h::float8), sum(score::float8)] AS sums,
        ARRAY[sum(response_h::float8 ^ 2), sum(resolution_h::float8 ^ 2), sum(handling_h::float8 ^ 2),
              sum(score::float8 ^ 2)] AS squares
    FROM told CROSS JOIN LATERAL (VALUES ('all', '', ''), ('department', department, ''), ('district', district, ''),
        ('street', street, ''), ('category', category, ''), ('source', source, ''), ('person', person::text, ''),
        ('department', department, coalesce(category, '-')), ('district', district, coalesce(category, '-')),
        ('street', street, coalesce(category, '-')),
        ('person', person::text, coalesce(category, '-'))) AS g (cut, key, part)
    WHERE g.key IS NOT NULL
    GROUP BY month, basis, g.cut, g.key, g.part, facts
), sums AS (
    SELECT c.month, c.cut, c.key, c.part, i.position,
        sum(CASE WHEN i.m IS NULL THEN c.n ELSE c.counts[i.m] END) AS denominator,
        sum(CASE i.operator WHEN 'mean' THEN c.sums[i.m] WHEN 'count' THEN c.n
            ELSE CASE WHEN c.facts & i.where_all = i.where_all AND c.facts & i.where_none = 0
                      THEN c.n ELSE 0 END END) AS numerator,
        sum(CASE WHEN i.m IS NULL THEN 0 ELSE c.squares[i.m] END) AS square
    FROM cells c
    JOIN (SELECT *, array_position(%(measures)s::text[], measure) AS m FROM cases.indicator) AS i
        ON i.basis = c.basis AND c.facts & i.of_all = i.of_all AND c.facts & i.of_none = 0
    GROUP BY c.month, c.cut, c.key, c.part, i.position
)
SELECT g.month, g.cut, g.key, g.part, array_agg(coalesce(s.denominator, 0) ORDER BY p.position),
    array_agg(coalesce(s.numerator, 0) ORDER BY p.position), array_agg(coalesce(s.square, 0) ORDER BY p.position)
FROM (SELECT DISTINCT month, cut, key, part FROM cells) AS g
CROSS JOIN (SELECT position FROM cases.indicator) AS p
LEFT JOIN sums s ON s.month = g.month AND s.cut = g.cut AND s.key = g.key AND s.part = g.part
    AND s.position = p.position
GROUP BY g.month, g.cut, g.key, g.part;

-- name: month_made
INSERT INTO cases.evaluation_made (month, made_at) VALUES (%(month)s, %(now)s)
ON CONFLICT (month) DO UPDATE SET made_at = excluded.made_at;

-- name: months_usable
-- Months whose sums hold; a month with changes that are not summed yet is read by its days.
SELECT month FROM cases.evaluation_made m
WHERE month = ANY(%(months)s::date[])
  AND NOT EXISTS (SELECT FROM cases.evaluation_due_month d WHERE d.month = m.month);

-- name: sums_kept
-- Sums of a cut from whole months and the days beside them; by key and period where they are asked for.
WITH parts AS (
    SELECT month AS day, key, denominators, numerators, squares FROM cases.evaluation_month
    WHERE month = ANY(%(months)s::date[]) AND cut = %(cut)s AND category = ''
      AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s::text[]))
    UNION ALL
    SELECT day, key, denominators, numerators, squares FROM cases.evaluation_day
    WHERE cut = %(cut)s AND day >= %(start)s::date AND day < %(end)s::date
      AND NOT date_trunc('month', day)::date = ANY(%(months)s::date[])
      AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s::text[]))
)
SELECT CASE WHEN %(by_key)s THEN key ELSE '' END AS key,
    CASE WHEN %(step)s::text IS NULL THEN NULL ELSE date_trunc(%(step)s::text, day)::date END AS period,
    p.position, sum(denominators[p.position])::bigint AS denominator, sum(numerators[p.position]) AS numerator,
    sum(squares[p.position]) AS square
FROM parts CROSS JOIN unnest(%(positions)s::int[]) AS p (position)
GROUP BY 1, 2, 3;

-- name: sums_counted
-- The same from cases, where several filters leave few of them.
WITH told AS (
    SELECT 'opened' AS basis, opened_day AS day, f.* FROM cases.fact f
    WHERE opened_day >= %(start)s::date AND opened_day < %(end)s::date
      AND (%(department)s::text IS NULL OR department = %(department)s::text)
      AND (%(district)s::text IS NULL OR district = %(district)s::text)
      AND (%(street)s::text IS NULL OR street = %(street)s::text)
      AND (%(categories)s::text[] IS NULL OR category = ANY(%(categories)s::text[]))
      AND (%(source)s::text IS NULL OR source = %(source)s::text)
      AND (%(person)s::uuid IS NULL OR person = %(person)s::uuid)
    UNION ALL
    SELECT 'closed', closed_day, f.* FROM cases.fact f
    WHERE closed_day >= %(start)s::date AND closed_day < %(end)s::date
      AND (%(department)s::text IS NULL OR department = %(department)s::text)
      AND (%(district)s::text IS NULL OR district = %(district)s::text)
      AND (%(street)s::text IS NULL OR street = %(street)s::text)
      AND (%(categories)s::text[] IS NULL OR category = ANY(%(categories)s::text[]))
      AND (%(source)s::text IS NULL OR source = %(source)s::text)
      AND (%(person)s::uuid IS NULL OR person = %(person)s::uuid)
), cells AS (
    SELECT basis, facts,
        CASE %(cut)s::text WHEN 'department' THEN department WHEN 'district' THEN district WHEN 'street' THEN street
            WHEN 'category' THEN category WHEN 'source' THEN source WHEN 'person' THEN person::text
            ELSE '' END AS key,
        CASE WHEN %(step)s::text IS NULL THEN NULL ELSE date_trunc(%(step)s::text, day)::date END AS period,
        count(*) AS n,
        ARRAY[count(response_h), count(resolution_h), count(handling_h), count(score)] AS counts,
        ARRAY[sum(response_h::float8), sum(resolution_h::float8), sum(handling_h::float8), sum(score::float8)] AS sums,
        ARRAY[sum(response_h::float8 ^ 2), sum(resolution_h::float8 ^ 2), sum(handling_h::float8 ^ 2),
              sum(score::float8 ^ 2)] AS squares
    FROM told GROUP BY 1, 2, 3, 4
)
SELECT c.key, c.period, i.position,
    sum(CASE WHEN i.m IS NULL THEN c.n ELSE c.counts[i.m] END)::bigint AS denominator,
    coalesce(sum(CASE i.operator WHEN 'mean' THEN c.sums[i.m] WHEN 'count' THEN c.n
        ELSE CASE WHEN c.facts & i.where_all = i.where_all AND c.facts & i.where_none = 0
                  THEN c.n ELSE 0 END END), 0)::float8 AS numerator,
    coalesce(sum(CASE WHEN i.m IS NULL THEN 0 ELSE c.squares[i.m] END), 0)::float8 AS square
FROM cells c
JOIN (SELECT *, array_position(%(measures)s::text[], measure) AS m FROM cases.indicator
      WHERE position = ANY(%(positions)s::int[])) AS i
    ON i.basis = c.basis AND c.facts & i.of_all = i.of_all AND c.facts & i.of_none = 0
WHERE c.key IS NOT NULL
GROUP BY 1, 2, 3;

-- name: cases_behind
-- The cases of one number, newest first by their time-ordered id.
SELECT f.case_id AS fact_id, f.response_h, f.resolution_h, f.handling_h, f.score AS fact_score, f.facts, c.id,
    c.number, c.title, c.text, c.status, c.source, c.category, c.department, c.district, c.street, c.address,
    c.lon, c.lat, c.opened_at, c.due_at, c.overdue_at, c.closed_at, c.confidence, c.automatic, c.scene,
    c.severity, c.score
FROM cases.fact f JOIN cases."case" c ON c.id = f.case_id
WHERE CASE %(basis)s::text WHEN 'opened' THEN f.opened_day >= %(start)s::date AND f.opened_day < %(end)s::date
           ELSE f.closed_day >= %(start)s::date AND f.closed_day < %(end)s::date END
  AND f.facts & %(of_all)s = %(of_all)s AND f.facts & %(of_none)s = 0
  AND CASE %(part)s::text
      WHEN 'numerator' THEN f.facts & %(where_all)s = %(where_all)s AND f.facts & %(where_none)s = 0
      WHEN 'rest' THEN NOT (f.facts & %(where_all)s = %(where_all)s AND f.facts & %(where_none)s = 0)
      ELSE true END
  AND CASE %(measure)s::text WHEN 'response_h' THEN f.response_h IS NOT NULL
      WHEN 'resolution_h' THEN f.resolution_h IS NOT NULL WHEN 'handling_h' THEN f.handling_h IS NOT NULL
      WHEN 'score' THEN f.score IS NOT NULL ELSE true END
  AND (%(department)s::text IS NULL OR f.department = %(department)s::text)
  AND (%(district)s::text IS NULL OR f.district = %(district)s::text)
  AND (%(street)s::text IS NULL OR f.street = %(street)s::text)
  AND (%(categories)s::text[] IS NULL OR f.category = ANY(%(categories)s::text[]))
  AND (%(source)s::text IS NULL OR f.source = %(source)s::text)
  AND (%(person)s::uuid IS NULL OR f.person = %(person)s::uuid)
  AND (%(before)s::uuid IS NULL OR f.case_id < %(before)s::uuid)
ORDER BY f.case_id DESC LIMIT %(limit)s;

-- name: mix_kept
-- One cut by category, of whole months: what a ranking is adjusted by.
SELECT key, category, sum(denominators[%(position)s])::bigint AS denominator,
    sum(numerators[%(position)s]) AS numerator, sum(squares[%(position)s]) AS square
FROM cases.evaluation_month
WHERE month = ANY(%(months)s::date[]) AND cut = %(cut)s AND category <> ''
GROUP BY key, category HAVING sum(denominators[%(position)s]) > 0;

-- name: mix_counted
-- The same from cases, of days in months that are not summed yet.
WITH told AS (
    SELECT CASE %(cut)s::text WHEN 'department' THEN department WHEN 'district' THEN district
               WHEN 'street' THEN street WHEN 'person' THEN person::text END AS key,
        coalesce(category, '-') AS category, facts,
        CASE %(measure)s::text WHEN 'response_h' THEN response_h WHEN 'resolution_h' THEN resolution_h
            WHEN 'handling_h' THEN handling_h WHEN 'score' THEN score END::float8 AS measured
    FROM cases.fact
    WHERE CASE %(basis)s::text WHEN 'opened' THEN opened_day >= %(start)s::date AND opened_day < %(end)s::date
               ELSE closed_day >= %(start)s::date AND closed_day < %(end)s::date END
      AND facts & %(of_all)s = %(of_all)s AND facts & %(of_none)s = 0
)
SELECT key, category,
    CASE WHEN %(measure)s::text IS NULL THEN count(*) ELSE count(measured) END AS denominator,
    CASE WHEN %(measure)s::text IS NULL
         THEN count(*) FILTER (WHERE facts & %(where_all)s = %(where_all)s AND facts & %(where_none)s = 0)::float8
         ELSE coalesce(sum(measured), 0) END AS numerator,
    coalesce(sum(measured ^ 2), 0)::float8 AS square
FROM told WHERE key IS NOT NULL GROUP BY key, category
HAVING CASE WHEN %(measure)s::text IS NULL THEN count(*) ELSE count(measured) END > 0;
