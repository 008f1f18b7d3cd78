-- name: areas_delete
-- An installation replaces every area: the pack is the whole truth about divisions.
DELETE FROM geography.area;

-- name: areas_insert
INSERT INTO geography.area (code, name, level, parent, geometry)
SELECT code, name, level, parent, geometry
FROM unnest(%(codes)s::text[], %(names)s::jsonb[], %(levels)s::text[], %(parents)s::text[],
            %(geometries)s::jsonb[]) AS a (code, name, level, parent, geometry);

-- name: city_upsert
-- The revision counts installations; it only grows, so a process never mistakes an old one for new.
INSERT INTO geography.city AS c (city, revision, time_zone, calendar, installed_at)
VALUES (%(city)s, 1, %(time_zone)s, %(calendar)s, %(now)s)
ON CONFLICT (singleton) DO UPDATE SET city = excluded.city, revision = c.revision + 1,
    time_zone = excluded.time_zone, calendar = excluded.calendar, installed_at = excluded.installed_at;

-- name: revision
SELECT revision FROM geography.city;

-- name: calendar
SELECT time_zone, calendar FROM geography.city;

-- name: areas
-- Without the shapes, which are a hundred times larger than the rest.
SELECT code, name, level, parent FROM geography.area
WHERE %(level)s::text IS NULL OR level = %(level)s
ORDER BY code;

-- name: shapes
SELECT code, name, level, parent, geometry FROM geography.area
WHERE geometry IS NOT NULL AND (%(level)s::text IS NULL OR level = %(level)s)
ORDER BY code;
