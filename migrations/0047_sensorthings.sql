-- SensorThings (OGC 18-088) as views over twin and sensing, and what only it knows.
-- Every entity set is a view of this schema, so that the mapping stands in one place.

-- A dense number that never changes: SensorThings' clients want integers, and a URN is none.
ALTER TABLE twin.entity ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX entity_number ON twin.entity (number);
-- The box around a shape cuts down what is compared with it.
CREATE INDEX entity_place ON twin.entity (lon, lat) WHERE lon IS NOT NULL;

ALTER TABLE sensing.product ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX product_number ON sensing.product (number);
CREATE INDEX IF NOT EXISTS device_entity ON sensing.device (entity);

CREATE SCHEMA sensorthings;

-- One sequence for what has two sources, so that ids of a set never meet: it is the entities'.
CREATE FUNCTION sensorthings.next_number() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT nextval(pg_get_serial_sequence('twin.entity', 'number')) $$;

-- What the twin has no room for of things that came by this door.
CREATE TABLE sensorthings.thing (
    thing       bigint PRIMARY KEY,         -- twin.entity.number
    description text,
    properties  jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE sensorthings.location (
    id            bigint PRIMARY KEY DEFAULT sensorthings.next_number(),
    name          text NOT NULL,
    description   text NOT NULL,
    encoding_type text NOT NULL,
    location      jsonb NOT NULL,
    properties    jsonb NOT NULL DEFAULT '{}',
    lon           double precision,         -- a point within, for filters
    lat           double precision
);

-- Which posted location a thing has, and had: one row a move.
CREATE TABLE sensorthings.historical_location (
    id       bigint PRIMARY KEY DEFAULT sensorthings.next_number(),
    thing    bigint NOT NULL,
    location bigint NOT NULL REFERENCES sensorthings.location,
    time     timestamptz NOT NULL
);
CREATE INDEX historical_location_thing ON sensorthings.historical_location (thing, time);
CREATE INDEX historical_location_location ON sensorthings.historical_location (location);

CREATE TABLE sensorthings.feature (
    id            bigint PRIMARY KEY DEFAULT sensorthings.next_number(),
    name          text NOT NULL,
    description   text NOT NULL,
    encoding_type text NOT NULL,
    feature       jsonb NOT NULL,
    properties    jsonb NOT NULL DEFAULT '{}',
    lon           double precision,
    lat           double precision
);

CREATE TABLE sensorthings.sensor (
    id            bigint PRIMARY KEY DEFAULT nextval(pg_get_serial_sequence('sensing.product', 'number')),
    name          text NOT NULL,
    description   text NOT NULL,
    encoding_type text NOT NULL,
    metadata      jsonb NOT NULL,
    properties    jsonb NOT NULL DEFAULT '{}'
);

-- A metric of a product, or (product null) a property that came by this door.
CREATE TABLE sensorthings.observed_property (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product     text,
    metric      text,
    name        text,
    definition  text,
    description text,
    properties  jsonb NOT NULL DEFAULT '{}',
    UNIQUE (product, metric)
);

-- What only this door knows of a series that it registered.
CREATE TABLE sensorthings.datastream (
    series            int PRIMARY KEY REFERENCES sensing.series ON DELETE CASCADE,
    sensor            bigint NOT NULL,
    observed_property bigint NOT NULL,
    name              text NOT NULL,
    description       text NOT NULL,
    observation_type  text NOT NULL,
    unit              jsonb NOT NULL,
    properties        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX datastream_sensor ON sensorthings.datastream (sensor);
CREATE INDEX datastream_property ON sensorthings.datastream (observed_property);

-- What a reading has no room for: feature of interest, quality, parameters, other times.
CREATE TABLE sensorthings.observation (
    series  int NOT NULL,
    time    timestamptz NOT NULL,
    feature bigint,
    fields  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (series, time)
);

-- Every metric of every product is a property with a number of its own.
CREATE FUNCTION sensorthings.number_metrics() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.scene <> 'sensorthings' THEN
        INSERT INTO sensorthings.observed_property (product, metric)
        SELECT NEW.product, m.metric FROM jsonb_object_keys(NEW.spec -> 'metrics') AS m (metric)
        WHERE NOT EXISTS (SELECT FROM sensorthings.observed_property o
                          WHERE o.product = NEW.product AND o.metric = m.metric)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER product_number_metrics AFTER INSERT OR UPDATE ON sensing.product
    FOR EACH ROW EXECUTE FUNCTION sensorthings.number_metrics();
INSERT INTO sensorthings.observed_property (product, metric)
SELECT p.product, m.metric FROM sensing.product p CROSS JOIN jsonb_object_keys(p.spec -> 'metrics') AS m (metric);

CREATE FUNCTION sensorthings.both(told text) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURNS NULL ON NULL INPUT AS
    $$ SELECT jsonb_build_object('zh', told, 'en', told) $$;

CREATE VIEW sensorthings.things AS
SELECT e.number AS id, e.id AS urn, e.name, coalesce(sensorthings.both(x.description), t.spec -> 'label') AS description,
       jsonb_strip_nulls(jsonb_build_object(
           'urn', e.id, 'type', e.type, 'district', e.district, 'street', e.street,
           'attributes', nullif(e.attributes, '{}'), 'relations', nullif(e.relations, '{}')
       )) || coalesce(x.properties, '{}') AS properties,
       coalesce(moved.location, CASE WHEN e.lon IS NOT NULL THEN e.number END) AS location
FROM twin.entity e
JOIN twin.entity_type t ON t.type = e.type
LEFT JOIN sensorthings.thing x ON x.thing = e.number
-- A posted location counts until the registry moves the thing elsewhere.
LEFT JOIN LATERAL (
    SELECT h.location FROM sensorthings.historical_location h JOIN sensorthings.location l ON l.id = h.location
    WHERE h.thing = e.number AND l.lon IS NOT DISTINCT FROM e.lon AND l.lat IS NOT DISTINCT FROM e.lat
    ORDER BY h.time DESC LIMIT 1
) AS moved ON true;

CREATE VIEW sensorthings.locations AS
SELECT e.number AS id, e.name, t.spec -> 'label' AS description, 'application/geo+json' AS encoding_type,
       jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(e.lon, e.lat)) AS location,
       jsonb_strip_nulls(jsonb_build_object('district', e.district, 'street', e.street)) AS properties, e.lon, e.lat
FROM twin.entity e JOIN twin.entity_type t ON t.type = e.type
WHERE e.lon IS NOT NULL
UNION ALL
SELECT l.id, sensorthings.both(l.name), sensorthings.both(l.description), l.encoding_type, l.location, l.properties,
       l.lon, l.lat
FROM sensorthings.location l;

CREATE VIEW sensorthings.historical_locations AS
SELECT e.number AS id, e.number AS thing, e.number AS location, e.created_at AS time
FROM twin.entity e WHERE e.lon IS NOT NULL
UNION ALL
SELECT h.id, h.thing, h.location, h.time FROM sensorthings.historical_location h;

CREATE VIEW sensorthings.features AS
SELECT e.number AS id, e.name, t.spec -> 'label' AS description, 'application/geo+json' AS encoding_type,
       coalesce(e.geometry, jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(e.lon, e.lat))) AS feature,
       jsonb_strip_nulls(jsonb_build_object('urn', e.id, 'type', e.type)) AS properties, e.lon, e.lat
FROM twin.entity e JOIN twin.entity_type t ON t.type = e.type
UNION ALL
SELECT f.id, sensorthings.both(f.name), sensorthings.both(f.description), f.encoding_type, f.feature, f.properties,
       f.lon, f.lat
FROM sensorthings.feature f;

CREATE VIEW sensorthings.sensors AS
SELECT p.number AS id, p.spec -> 'label' AS name, p.spec -> 'label' AS description,
       'application/json' AS encoding_type, p.spec AS metadata,
       jsonb_build_object('product', p.product, 'scene', p.scene) AS properties
FROM sensing.product p WHERE p.scene <> 'sensorthings'
UNION ALL
SELECT s.id, sensorthings.both(s.name), sensorthings.both(s.description), s.encoding_type, s.metadata, s.properties
FROM sensorthings.sensor s;

CREATE VIEW sensorthings.observed_properties AS
SELECT o.id, coalesce(sensorthings.both(o.name), p.spec -> 'metrics' -> o.metric -> 'label', sensorthings.both(o.metric)) AS name,
       coalesce(o.definition, 'urn:yunnao:metric:' || o.product || ':' || o.metric) AS definition,
       coalesce(sensorthings.both(o.description), p.spec -> 'label') AS description,
       jsonb_strip_nulls(jsonb_build_object('product', o.product, 'metric', o.metric)) || o.properties AS properties
FROM sensorthings.observed_property o LEFT JOIN sensing.product p ON p.product = o.product;

CREATE VIEW sensorthings.datastreams AS
SELECT s.series AS id, e.number AS thing, coalesce(x.sensor, p.number) AS sensor,
       coalesce(x.observed_property, o.id) AS observed_property,
       coalesce(sensorthings.both(x.name), jsonb_build_object(
           'zh', (d.name ->> 'zh') || ' ' || coalesce(m.spec #>> '{label,zh}', s.metric),
           'en', (d.name ->> 'en') || ' ' || coalesce(m.spec #>> '{label,en}', s.metric))) AS name,
       coalesce(sensorthings.both(x.description), m.spec -> 'label', sensorthings.both(s.metric)) AS description,
       coalesce(x.observation_type, 'http://www.opengis.net/def/observationType/OGC-OM/2.0/'
           || CASE m.spec ->> 'value_type' WHEN 'integer' THEN 'OM_CountObservation'
                                           WHEN 'boolean' THEN 'OM_TruthObservation'
                                           WHEN 'string' THEN 'OM_Observation'
                                           ELSE 'OM_Measurement' END) AS observation_type,
       x.unit, m.spec ->> 'unit' AS unit_code, m.spec -> 'unit_label' AS unit_label,
       jsonb_build_object('device', d.id, 'metric', s.metric) || coalesce(x.properties, '{}') AS properties,
       d.id AS device, s.metric, m.spec ->> 'value_type' AS value_type
FROM sensing.series s
JOIN sensing.device d ON d.number = s.device
JOIN sensing.product p ON p.product = d.product
JOIN twin.entity e ON e.id = d.entity
CROSS JOIN LATERAL (SELECT p.spec -> 'metrics' -> s.metric AS spec) AS m
LEFT JOIN sensorthings.observed_property o ON o.product = d.product AND o.metric = s.metric
LEFT JOIN sensorthings.datastream x ON x.series = s.series;

-- Hot readings, in whichever of their two tables they are.
DO $$
DECLARE
    hot text := 'SELECT series, time, value, value_text FROM sensing.reading';
BEGIN
    IF to_regclass('sensing.reading_run') IS NOT NULL THEN
        hot := hot || ' UNION ALL SELECT series, time, value, NULL FROM sensing.reading_run';
    END IF;
    EXECUTE 'CREATE VIEW sensorthings.readings AS ' || hot;
END $$;

CREATE VIEW sensorthings.observations AS
SELECT r.series AS datastream, r.time, r.value, r.value_text,
       p.spec -> 'metrics' -> s.metric ->> 'value_type' AS value_type,
       coalesce(x.feature, e.number) AS feature, x.fields
FROM sensorthings.readings r
JOIN sensing.series s ON s.series = r.series
JOIN sensing.device d ON d.number = s.device
JOIN sensing.product p ON p.product = d.product
JOIN twin.entity e ON e.id = d.entity
LEFT JOIN sensorthings.observation x ON x.series = r.series AND x.time = r.time;
