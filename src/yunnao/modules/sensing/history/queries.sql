-- name: series_find
-- All of a question at once; `series` is NULL where there is none of the name.
SELECT t.device, t.metric, s.series, p.spec -> 'metrics' -> t.metric AS spec
FROM unnest(%(devices)s::text[], %(metrics)s::text[]) WITH ORDINALITY AS t (device, metric, place)
LEFT JOIN sensing.device d ON d.id = t.device
LEFT JOIN sensing.series s ON s.device = d.number AND s.metric = t.metric
LEFT JOIN sensing.product p ON p.product = d.product
ORDER BY t.place;

-- name: series_of_devices
SELECT s.series FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE d.id = ANY(%(devices)s) ORDER BY s.series;

-- name: series_of_metric
SELECT array_agg(s.series ORDER BY s.series) AS series, array_agg(d.entity ORDER BY s.series) AS entities
FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE d.product = %(product)s AND s.metric = %(metric)s;

-- name: metric_spec
SELECT spec -> 'metrics' -> %(metric)s AS spec FROM sensing.product WHERE product = %(product)s;

-- name: hot_tables
-- Whoever reads hot readings reads both.
SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'sensing' AND c.relkind = 'p' AND c.relname IN ('reading', 'reading_run') ORDER BY 1;

-- name: newest_hot
SELECT max(time) AS time FROM sensing.reading WHERE series = %(series)s;

-- name: newest_hot_run
SELECT max(time) AS time FROM sensing.reading_run WHERE series = %(series)s;
