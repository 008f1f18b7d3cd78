-- name: versions
-- One look a batch at both: subscriptions and devices change rarely.
SELECT (SELECT version FROM sensing.sharing) AS sharing, (SELECT version FROM sensing.registry) AS devices;

-- name: collecting
-- Subscriptions whose readings are kept: one that is parked still collects, one that is full does not.
SELECT u.number, u.mode, u.interval_s, u.change_min, s.valid_until
FROM sensing.subscription u JOIN sensing.share s ON s.number = u.share
WHERE u.ended_at IS NULL AND u.full_since IS NULL AND s.state = 'granted' AND s.valid_until > %(now)s;

-- name: pairs
-- (subscription, series) of devices that changed after a version, all of them for version -1. The two
-- kinds of share are asked apart, so that each finds its devices by an index.
SELECT u.number, e.series
FROM sensing.subscription u
JOIN sensing.share s ON s.number = u.share
JOIN sensing.share_device sd ON sd.share = s.number
JOIN sensing.device d ON d.number = sd.device AND d.owner IS NOT DISTINCT FROM s.owner AND d.changed > {after}
JOIN sensing.series e ON e.device = d.number
WHERE u.number = ANY({subscriptions})
  AND (s.metrics IS NULL OR e.metric = ANY(s.metrics)) AND (u.metrics IS NULL OR e.metric = ANY(u.metrics))
UNION ALL
SELECT u.number, e.series
FROM sensing.subscription u
JOIN sensing.share s ON s.number = u.share
JOIN sensing.device d ON d.product = s.product AND d.owner IS NOT DISTINCT FROM s.owner AND d.changed > {after}
    AND (s.area IS NULL OR d.district = s.area OR d.street = s.area)
JOIN sensing.series e ON e.device = d.number
WHERE u.number = ANY({subscriptions})
  AND (s.metrics IS NULL OR e.metric = ANY(s.metrics)) AND (u.metrics IS NULL OR e.metric = ANY(u.metrics));

-- name: changed_series
-- What is known of these devices' series is forgotten before it is learnt again.
SELECT e.series FROM sensing.device d JOIN sensing.series e ON e.device = d.number WHERE d.changed > %(after)s;

-- name: deliveries_insert
INSERT INTO sensing.delivery (subscription, created_at, readings, content, texts)
SELECT t.subscription, %(now)s, t.readings, t.content, t.texts
FROM unnest(%(subscriptions)s::int[], %(readings)s::int[], %(contents)s::bytea[], %(texts)s::jsonb[])
     AS t (subscription, readings, content, texts)
-- A subscription may have been deleted since it was looked up.
JOIN sensing.subscription u ON u.number = t.subscription
ORDER BY t.subscription;

-- name: deliveries_notify
SELECT pg_notify('delivery', '');

-- name: shared_values
SELECT series, value FROM sensing.shared_value
WHERE subscription = %(subscription)s AND series = ANY(%(series)s) ORDER BY series;

-- name: shared_values_keep
INSERT INTO sensing.shared_value (subscription, series, value)
SELECT u.number, t.series, t.value
FROM unnest(%(series)s::int[], %(values)s::float8[]) AS t (series, value)
JOIN sensing.subscription u ON u.number = %(subscription)s
ORDER BY t.series
ON CONFLICT (subscription, series) DO UPDATE SET value = excluded.value;
