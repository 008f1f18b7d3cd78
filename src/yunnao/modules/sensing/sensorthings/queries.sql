-- name: newest
-- Texts, for which the live table has no room, and readings from before there was one.
SELECT DISTINCT ON (series) series, time, value, value_text FROM (
    SELECT series, time, NULL::float8 AS value, value_text FROM sensing.latest_text WHERE series = ANY(%(series)s)
    UNION ALL
    SELECT series, time, value, value_text FROM sensing.latest WHERE series = ANY(%(series)s)
) AS known
ORDER BY series, time DESC;

-- name: newest_as_observations
-- Stands where the view of observations stands: the same columns, of readings that are given.
SELECT t.series AS datastream, t.time, t.value, t.value_text,
       p.spec -> 'metrics' -> s.metric ->> 'value_type' AS value_type,
       coalesce(x.feature, e.number) AS feature, x.fields
FROM unnest(%(series)s::int[], %(times)s::timestamptz[], %(values)s::float8[], %(texts)s::text[])
     AS t (series, time, value, value_text)
JOIN sensing.series s ON s.series = t.series
JOIN sensing.device d ON d.number = s.device
JOIN sensing.product p ON p.product = d.product
JOIN twin.entity e ON e.id = d.entity
LEFT JOIN sensorthings.observation x ON x.series = t.series AND x.time = t.time

-- name: sealed_series
-- Device and metric of the series, where a sealed hour meets the span; a lake that cannot have anything is not asked.
SELECT d.id AS device, s.metric FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE s.series = %(series)s
    AND EXISTS (SELECT FROM sensing.sealed h WHERE h.starts_at < %(until)s AND h.ends_at > %(start)s);

-- name: sealed_in
SELECT EXISTS (
    SELECT FROM sensing.sealed WHERE starts_at < %(until)s AND ends_at > %(start)s
) AS sealed;

-- name: limit_time
-- A question that nobody foresaw ends before it holds up the others.
SELECT set_config('statement_timeout', %(limit)s, true);
