-- Where the city is: administrative divisions with their shapes, and the city's own facts.

CREATE SCHEMA geography;

CREATE TABLE geography.area (
    code     text PRIMARY KEY,           -- GB/T 2260, below districts GB/T 10114
    name     jsonb NOT NULL,             -- {zh, en}
    level    text NOT NULL CHECK (level IN ('district', 'street')),
    parent   text REFERENCES geography.area DEFERRABLE INITIALLY DEFERRED,
    geometry jsonb                       -- GeoJSON Polygon or MultiPolygon, WGS 84; null: no shape known
);

-- One row. Its revision changes with every installation, so that each process knows when the areas
-- that it holds in memory are old.
CREATE TABLE geography.city (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    city         text NOT NULL,
    revision     bigint NOT NULL,
    time_zone    text NOT NULL,
    calendar     jsonb NOT NULL,         -- CalendarFile of the city pack
    installed_at timestamptz NOT NULL
);
