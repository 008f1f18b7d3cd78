-- name: flows_of_cases
SELECT flow_hash, case_type, count(*) AS cases FROM cases."case"
WHERE opened_at >= %(start)s AND opened_at < %(end)s
  AND (%(case_type)s::text IS NULL OR case_type = %(case_type)s::text)
  AND (%(department)s::text IS NULL OR department = %(department)s::text)
  AND (%(district)s::text IS NULL OR district = %(district)s::text)
  AND (%(categories)s::text[] IS NULL OR category = ANY(%(categories)s::text[]))
  AND (%(source)s::text IS NULL OR source = %(source)s::text)
  AND (NOT %(closed_only)s OR status IN ('closed', 'rated'))
GROUP BY flow_hash, case_type ORDER BY cases DESC, flow_hash;

-- name: log
-- Times as microseconds: a number is read ten times as fast as a written time. The newest cases first, so
-- that the limit drops the oldest; their events in the order in which they were written.
COPY (
    WITH chosen AS (
        SELECT id, number, department, category FROM cases."case"
        WHERE opened_at >= %(start)s AND opened_at < %(end)s
          AND (%(case_type)s::text IS NULL OR case_type = %(case_type)s::text)
          AND (%(department)s::text IS NULL OR department = %(department)s::text)
          AND (%(district)s::text IS NULL OR district = %(district)s::text)
          AND (%(categories)s::text[] IS NULL OR category = ANY(%(categories)s::text[]))
          AND (%(source)s::text IS NULL OR source = %(source)s::text)
          AND (%(flow_hash)s::text IS NULL OR flow_hash = %(flow_hash)s::text)
          AND (NOT %(closed_only)s OR status IN ('closed', 'rated'))
        ORDER BY opened_at DESC LIMIT %(limit)s
    )
    SELECT c.number, t.event, (extract(epoch FROM t.time) * 1000000)::bigint,
        coalesce(t.actor_id::text, t.actor_kind), coalesce(t.department, c.department),
        coalesce(t.category, c.category)
    FROM chosen c JOIN cases.timeline t ON t.case_id = c.id
    ORDER BY c.number, t.id
) TO STDOUT (FORMAT csv);
