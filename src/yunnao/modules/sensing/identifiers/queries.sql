-- name: devices
-- Devices of these ids, and those that watch these entities; the first few of each are enough.
SELECT d.id, d.product, d.entity, d.name, d.lon, d.lat, d.owner, d.registered_at
FROM sensing.device d WHERE d.id = ANY(%(ids)s)
UNION
SELECT w.* FROM unnest(%(entities)s::text[]) AS e (id) CROSS JOIN LATERAL (
    SELECT d.id, d.product, d.entity, d.name, d.lon, d.lat, d.owner, d.registered_at
    FROM sensing.device d WHERE d.entity = e.id ORDER BY d.number LIMIT %(each_max)s
) AS w
ORDER BY id;
