-- name: staging_create
-- A table of devices is copied here first; what follows are statements over all of it.
CREATE TEMPORARY TABLE IF NOT EXISTS device_staging (
    line int NOT NULL, id text NOT NULL, product text NOT NULL, entity text NOT NULL, name jsonb,
    lon float8, lat float8, owner text, gateway text, district text, street text, attributes jsonb NOT NULL,
    synthetic boolean NOT NULL
) ON COMMIT DELETE ROWS;

-- name: staging_clear
TRUNCATE device_staging;

-- name: staging_copy
COPY device_staging FROM STDIN (FORMAT csv);

-- name: staging_analyze
-- Nobody else analyses a temporary table, and without it a million rows are joined as if a thousand.
ANALYZE device_staging;

-- name: entities_of_devices
SELECT d.id, d.entity, p.spec ->> 'entity_type' AS type
FROM sensing.device d JOIN sensing.product p USING (product) WHERE d.id = ANY(%(ids)s);

-- name: misplaced_delete
DELETE FROM device_staging s USING sensing.device d
WHERE d.id = s.id AND d.product <> s.product
RETURNING s.line, s.id AS device, 'device_of_other_product' AS code, s.product AS value;

-- name: gateway_unknown_delete
-- A gateway may come with the same table.
DELETE FROM device_staging s
WHERE s.gateway IS NOT NULL
  AND NOT EXISTS (SELECT FROM sensing.device d WHERE d.id = s.gateway)
  AND NOT EXISTS (SELECT FROM device_staging t WHERE t.id = s.gateway)
RETURNING s.line, s.id AS device, 'gateway_unknown' AS code, s.gateway AS value;

-- name: unchanged_delete
-- What is known just so needs nothing: the same table a second time changes nothing. What is null
-- in the table stays as it is known.
DELETE FROM device_staging s
USING sensing.device d LEFT JOIN sensing.device g ON g.number = d.gateway
WHERE d.id = s.id AND d.standing <> 'retired' AND d.entity = s.entity AND d.synthetic = s.synthetic
  AND (s.name IS NULL OR d.name = s.name)
  AND (s.lon IS NULL OR (d.lon, d.lat, d.district, d.street) IS NOT DISTINCT FROM (s.lon, s.lat, s.district, s.street))
  AND d.attributes @> jsonb_strip_nulls(s.attributes)
  AND (s.owner IS NULL OR s.owner = d.owner) AND (s.gateway IS NULL OR s.gateway = g.id)
RETURNING s.line;

-- name: devices_update
-- In order of number, as every set of devices is locked. A device that was retired is back.
WITH fresh AS (
    SELECT d.number, s.entity, coalesce(s.name, d.name) AS name, coalesce(s.lon, d.lon) AS lon,
           coalesce(s.lat, d.lat) AS lat, coalesce(s.owner, d.owner) AS owner,
           coalesce(g.number, d.gateway) AS gateway,
           CASE WHEN s.lon IS NULL THEN d.district ELSE s.district END AS district,
           CASE WHEN s.lon IS NULL THEN d.street ELSE s.street END AS street,
           d.attributes || jsonb_strip_nulls(s.attributes) AS attributes, s.synthetic,
           CASE WHEN d.standing = 'retired' THEN 'active' ELSE d.standing END AS standing
    FROM device_staging s JOIN sensing.device d ON d.id = s.id
    LEFT JOIN sensing.device g ON g.id = s.gateway
    ORDER BY d.number FOR UPDATE OF d
)
UPDATE sensing.device d SET entity = f.entity, name = f.name, lon = f.lon, lat = f.lat, owner = f.owner,
    gateway = f.gateway, district = f.district, street = f.street, attributes = f.attributes,
    synthetic = f.synthetic, standing = f.standing, retired_at = NULL, changed = %(changed)s
FROM fresh f WHERE d.number = f.number;

-- name: devices_insert
-- Apart from the update, since ON CONFLICT would spend a number on every known device. Gateways go
-- first (`gateways`), so that those they speak for find their numbers.
INSERT INTO sensing.device (id, product, entity, name, lon, lat, owner, gateway, district, street,
                            attributes, synthetic, registered_at, changed)
SELECT s.id, s.product, s.entity, coalesce(s.name, jsonb_build_object('zh', s.id, 'en', s.id)), s.lon, s.lat,
       s.owner, g.number, s.district, s.street, jsonb_strip_nulls(s.attributes), s.synthetic, %(now)s, %(changed)s
FROM device_staging s LEFT JOIN sensing.device g ON g.id = s.gateway
WHERE NOT EXISTS (SELECT FROM sensing.device d WHERE d.id = s.id)
  AND (NOT %(gateways)s OR s.id IN (SELECT gateway FROM device_staging WHERE gateway IS NOT NULL))
ORDER BY s.line
ON CONFLICT (id) DO NOTHING;

-- name: series_insert
-- The NOT EXISTS keeps the numbers dense; in order of device, so that a device's series lie together.
INSERT INTO sensing.series (device, metric)
SELECT d.number, m.metric
FROM device_staging s
JOIN sensing.device d ON d.id = s.id
JOIN (SELECT product, jsonb_object_keys(spec -> 'metrics') AS metric FROM sensing.product) AS m
    ON m.product = d.product
WHERE NOT EXISTS (SELECT FROM sensing.series t WHERE t.device = d.number AND t.metric = m.metric)
ORDER BY d.number, m.metric
ON CONFLICT DO NOTHING;

-- name: quarantine_registered
-- Who was unknown is so no more.
UPDATE sensing.quarantine q SET state = 'registered', decided_at = %(now)s
FROM device_staging s
WHERE q.device = s.id AND q.product = s.product AND q.state = 'held' AND q.reason IN ('unknown', 'other_product');
