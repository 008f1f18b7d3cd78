-- name: sites
-- Every device that measures the metric, in order of series.
SELECT s.series, d.number AS device, d.entity, d.lon, d.lat
FROM sensing.device d JOIN sensing.series s ON s.device = d.number
WHERE d.product = %(product)s AND s.metric = %(metric)s ORDER BY s.series;

-- name: states_of_rules
-- Few devices have a state at a time. Locked in the order of all who lock them.
SELECT device, rule, (extract(epoch FROM since) * 1000000)::bigint AS since_us, alarm
FROM sensing.rule_state WHERE rule = ANY(%(rules)s)
ORDER BY device, rule FOR UPDATE;

-- name: series_of
SELECT s.series, p.spec -> 'metrics' -> s.metric AS metric
FROM sensing.device d JOIN sensing.series s ON s.device = d.number JOIN sensing.product p USING (product)
WHERE d.id = %(device)s AND s.metric = %(metric)s;
