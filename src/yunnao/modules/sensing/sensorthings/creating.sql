-- name: sensor_insert
INSERT INTO sensorthings.sensor (name, description, encoding_type, metadata, properties)
VALUES (%(name)s, %(description)s, %(encodingType)s, %(metadata)s, %(properties)s) RETURNING id;

-- name: property_insert
INSERT INTO sensorthings.observed_property (name, definition, description, properties)
VALUES (%(name)s, %(definition)s, %(description)s, %(properties)s) RETURNING id;

-- name: feature_insert
INSERT INTO sensorthings.feature (name, description, encoding_type, feature, properties, lon, lat)
VALUES (%(name)s, %(description)s, %(encodingType)s, %(feature)s, %(properties)s, %(lon)s, %(lat)s) RETURNING id;

-- name: location_insert
INSERT INTO sensorthings.location (name, description, encoding_type, location, properties, lon, lat)
VALUES (%(name)s, %(description)s, %(encodingType)s, %(location)s, %(properties)s, %(lon)s, %(lat)s) RETURNING id;

-- name: location_place
SELECT lon, lat FROM sensorthings.locations WHERE id = %(id)s;

-- name: location_posted
SELECT id FROM sensorthings.location WHERE id = %(id)s;

-- name: move_insert
INSERT INTO sensorthings.historical_location (thing, location, time) VALUES (%(thing)s, %(location)s, %(time)s);

-- name: thing_of_urn
SELECT number AS id FROM twin.entity WHERE id = %(urn)s;

-- name: thing_get
-- With what the registry needs to register a device that watches it.
SELECT e.number AS id, e.id AS urn, e.type, e.name, e.lon, e.lat FROM twin.entity e WHERE e.number = %(id)s;

-- name: thing_told
INSERT INTO sensorthings.thing (thing, description, properties)
VALUES (%(thing)s, %(description)s, coalesce(%(properties)s, '{}'::jsonb))
ON CONFLICT (thing) DO UPDATE SET description = coalesce(excluded.description, thing.description),
    properties = coalesce(%(properties)s, thing.properties);

-- name: datastream_insert
INSERT INTO sensorthings.datastream
    (series, sensor, observed_property, name, description, observation_type, unit, properties)
SELECT s.series, %(sensor)s, %(observed_property)s, %(name)s, %(description)s, %(observationType)s,
       %(unitOfMeasurement)s, %(properties)s
FROM sensing.series s JOIN sensing.device d ON d.number = s.device
WHERE d.id = %(device)s AND s.metric = %(metric)s
RETURNING series AS id;

-- name: series_get
-- Device and metric of each datastream: readings are posted in these terms.
SELECT id, device, metric, value_type FROM sensorthings.datastreams WHERE id = ANY(%(ids)s);

-- name: features_get
SELECT id FROM sensorthings.features WHERE id = ANY(%(ids)s);

-- name: observations_told
INSERT INTO sensorthings.observation (series, time, feature, fields)
SELECT * FROM unnest(%(series)s::int[], %(times)s::timestamptz[], %(features)s::bigint[], %(fields)s::jsonb[])
ON CONFLICT (series, time) DO UPDATE SET feature = excluded.feature, fields = excluded.fields;

-- name: sensor_update
UPDATE sensorthings.sensor SET name = coalesce(%(name)s, name), description = coalesce(%(description)s, description),
    encoding_type = coalesce(%(encodingType)s, encoding_type), metadata = coalesce(%(metadata)s, metadata),
    properties = coalesce(%(properties)s, properties)
WHERE id = %(id)s RETURNING id;

-- name: property_update
UPDATE sensorthings.observed_property SET name = coalesce(%(name)s, name),
    description = coalesce(%(description)s, description), definition = coalesce(%(definition)s, definition),
    properties = coalesce(%(properties)s, properties)
WHERE id = %(id)s AND product IS NULL RETURNING id;

-- name: datastream_update
UPDATE sensorthings.datastream SET name = coalesce(%(name)s, name),
    description = coalesce(%(description)s, description), unit = coalesce(%(unitOfMeasurement)s, unit),
    properties = coalesce(%(properties)s, properties)
WHERE series = %(id)s RETURNING series AS id;

-- name: sensor_delete
DELETE FROM sensorthings.sensor s WHERE id = %(id)s
    AND NOT EXISTS (SELECT FROM sensorthings.datastream d WHERE d.sensor = s.id) RETURNING id;

-- name: property_delete
DELETE FROM sensorthings.observed_property o WHERE id = %(id)s AND product IS NULL
    AND NOT EXISTS (SELECT FROM sensorthings.datastream d WHERE d.observed_property = o.id) RETURNING id;

-- name: feature_delete
DELETE FROM sensorthings.feature f WHERE id = %(id)s
    AND NOT EXISTS (SELECT FROM sensorthings.observation o WHERE o.feature = f.id) RETURNING id;

-- name: location_delete
DELETE FROM sensorthings.location l WHERE id = %(id)s
    AND NOT EXISTS (SELECT FROM sensorthings.historical_location h WHERE h.location = l.id) RETURNING id;
