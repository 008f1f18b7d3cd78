-- name: kind
-- Part of the others: whose device d is to the department, and the grade of its product p.
(CASE WHEN d.owner IS NULL THEN 'open' WHEN d.owner = %(department)s::text THEN 'own' ELSE 'other' END || ':' || p.grade)

-- name: graded
-- Part of the others: materialized, so that a product's specification is opened once and not for each device.
graded AS MATERIALIZED (SELECT product, spec, coalesce(spec ->> 'grade', 'general') AS grade FROM sensing.product)

-- name: shares_of
-- Part of the others: the department's shares that hold and cover device d.
SELECT FROM sensing.share g
WHERE g.department = %(department)s::text AND g.owner IS NOT DISTINCT FROM d.owner
  AND g.state = 'granted' AND g.valid_until > %(now)s
  AND (g.product = d.product AND (g.area IS NULL OR g.area IN (d.district, d.street))
       OR EXISTS (SELECT FROM sensing.share_device gd WHERE gd.share = g.number AND gd.device = d.number))

-- name: readable
-- Part of the others: whether metric m.metric of device d may be read.
({kind} = ANY(%(alone)s) OR {kind} = ANY(%(shared)s) AND EXISTS (
    {shares_of} AND (g.metrics IS NULL OR m.metric = ANY(g.metrics))))

-- name: device_rights
-- What the policies need to know of each device and metric (NULL: every metric), in the order asked.
WITH {graded}
SELECT t.device, d.id IS NOT NULL AS known, d.owner, p.grade, d.id IS NOT NULL AND EXISTS (
    {shares_of} AND (g.metrics IS NULL OR t.metric = ANY(g.metrics))) AS shared
FROM unnest(%(devices)s::text[], %(metrics)s::text[]) WITH ORDINALITY AS t (device, metric, place)
LEFT JOIN sensing.device d ON d.id = t.device
LEFT JOIN graded p ON p.product = d.product
ORDER BY t.place;

-- name: hidden_metrics
-- Of devices by number the metrics that may not be read; most often no row.
WITH {graded}
SELECT d.number, array_agg(m.metric) AS metrics
FROM sensing.device d
JOIN graded p ON p.product = d.product
JOIN sensing.series m ON m.device = d.number
WHERE d.number = ANY(%(devices)s::int[]) AND NOT {readable}
GROUP BY d.number;

-- name: hidden_attributes
-- Attributes of entities that a device may have told which may not be read. Products of a grade that
-- is open whoever owns the device are left out first, by which most questions end.
WITH {graded}, feeding AS MATERIALIZED (
    SELECT p.product, p.grade, f.key AS metric, f.value ->> 'attribute' AS attribute
    FROM graded p CROSS JOIN LATERAL jsonb_each(p.spec -> 'metrics') AS f
    WHERE f.value ->> 'attribute' IS NOT NULL AND NOT p.grade = ANY(%(free)s)
)
SELECT DISTINCT d.entity, p.attribute
FROM sensing.device d
JOIN feeding p ON p.product = d.product
CROSS JOIN LATERAL (SELECT p.metric) AS m
WHERE d.entity = ANY(%(entities)s) AND NOT {readable};

-- name: hidden_series
-- Of a product's metric the series that may not be read, in one array.
WITH {graded}
SELECT array_agg(m.series ORDER BY m.series) AS series
FROM sensing.device d
JOIN graded p ON p.product = d.product
JOIN sensing.series m ON m.device = d.number
WHERE d.product = %(product)s AND m.metric = %(metric)s AND NOT p.grade = ANY(%(free)s) AND NOT {readable};

-- name: series_hidden
-- Which of these series may not be read.
WITH {graded}
SELECT m.series FROM sensing.series m
JOIN sensing.device d ON d.number = m.device
JOIN graded p ON p.product = d.product
WHERE m.series = ANY(%(series)s::int[]) AND NOT {readable};

-- name: shared_numbers
-- Devices of which a metric is shared with the department: by name, and by product.
WITH {graded}, held AS (
    SELECT g.number, g.owner, g.product, g.area FROM sensing.share g
    WHERE g.department = %(department)s::text AND g.state = 'granted' AND g.valid_until > %(now)s
      AND (g.metrics IS NULL OR %(metric)s = ANY(g.metrics))
), covered AS (
    SELECT d.number, d.owner, d.product FROM held g
    JOIN sensing.share_device gd ON gd.share = g.number
    JOIN sensing.device d ON d.number = gd.device AND d.owner IS NOT DISTINCT FROM g.owner
    UNION
    SELECT d.number, d.owner, d.product FROM held g
    JOIN sensing.device d ON d.product = g.product AND d.owner IS NOT DISTINCT FROM g.owner
    WHERE g.area IS NULL OR g.area IN (d.district, d.street)
)
SELECT array_agg(d.number) AS devices FROM covered d JOIN graded p ON p.product = d.product
WHERE {kind} = ANY(%(shared)s);

-- name: anything_hidden
-- Whether any device is not open to the department by its owner and grade. Those that no department
-- owns are open to whoever may read devices at all.
SELECT EXISTS (
    SELECT FROM sensing.product o
    WHERE NOT coalesce(o.spec ->> 'grade', 'general') = ANY(%(free)s) AND EXISTS (
        SELECT FROM sensing.device d WHERE d.product = o.product AND d.owner IS NOT NULL)) AS hidden;

-- name: observations_readable
-- Stands where the view of observations stands, for whoever may not read all.
SELECT o.* FROM sensorthings.observations o WHERE EXISTS (
    SELECT FROM sensing.series m
    JOIN sensing.device d ON d.number = m.device
    CROSS JOIN LATERAL (SELECT coalesce(spec ->> 'grade', 'general') AS grade
                        FROM sensing.product WHERE product = d.product) AS p
    WHERE m.series = o.datastream AND {readable})

-- name: things_readable
-- Stands where the view of things stands: without attributes that a device told which may not be read.
SELECT t.id, t.urn, t.name, t.description, t.location,
       CASE WHEN jsonb_typeof(t.properties -> 'attributes') = 'object'
           THEN jsonb_set(t.properties, ARRAY['attributes'], (t.properties -> 'attributes') - coalesce((
               SELECT array_agg(m.attribute) FROM sensing.device d
               CROSS JOIN LATERAL (SELECT spec, coalesce(spec ->> 'grade', 'general') AS grade
                                   FROM sensing.product WHERE product = d.product) AS p
               CROSS JOIN LATERAL (SELECT f.key AS metric, f.value ->> 'attribute' AS attribute
                                   FROM jsonb_each(p.spec -> 'metrics') AS f) AS m
               WHERE d.entity = t.urn AND m.attribute IS NOT NULL AND NOT {readable}), ARRAY[]::text[]))
           ELSE t.properties END AS properties
FROM sensorthings.things t
