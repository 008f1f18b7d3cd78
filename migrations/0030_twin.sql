-- The twin: things of the city with type, place, attributes and relations, in NGSI-LD's model
-- (ETSI GS CIM 009). Attributes are kept in its normalized form, so that its API needs no change.

CREATE SCHEMA IF NOT EXISTS twin;

CREATE TABLE twin.entity_type (
    type  text PRIMARY KEY,
    scene text NOT NULL,
    spec  jsonb NOT NULL
);

CREATE TABLE twin.layer (
    scene    text NOT NULL,
    layer    text NOT NULL,
    position int NOT NULL,              -- order within the scene's file
    spec     jsonb NOT NULL,
    PRIMARY KEY (scene, layer)
);

CREATE TABLE twin.entity (
    id          text PRIMARY KEY,       -- urn:ngsi-ld:<Type>:<local>
    type        text NOT NULL REFERENCES twin.entity_type,
    name        jsonb NOT NULL,         -- {"zh", "en"}
    lon         double precision,
    lat         double precision,
    geometry    jsonb,                  -- GeoJSON where the thing is more than a point
    h3          bigint,                 -- cell of resolution 9 of the point
    district    text,                   -- area codes of the place; none outside the city
    street      text,
    attributes  jsonb NOT NULL DEFAULT '{}',
    relations   jsonb NOT NULL DEFAULT '{}',
    synthetic   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    CHECK ((lon IS NULL) = (lat IS NULL))
) WITH (fillfactor = 70);               -- attributes change all the time; the row stays on its page
CREATE INDEX entity_type_id ON twin.entity (type, id);
CREATE INDEX entity_h3 ON twin.entity (h3) WHERE h3 IS NOT NULL;
CREATE INDEX entity_district ON twin.entity (district, street);
