-- name: type_foreign
-- Types of this list that another scene already declares: a type has one owner.
SELECT type, scene FROM twin.entity_type WHERE type = ANY(%(types)s) AND scene <> %(scene)s;

-- name: types_upsert
-- Types that left the pack stay, since entities may be of them.
INSERT INTO twin.entity_type (type, scene, spec)
SELECT t.type, %(scene)s, t.spec FROM unnest(%(types)s::text[], %(specs)s::jsonb[]) AS t (type, spec)
ON CONFLICT (type) DO UPDATE SET spec = excluded.spec;

-- name: types_get
SELECT type, spec FROM twin.entity_type WHERE type = ANY(%(types)s);

-- name: layers_delete
-- A pack's layers are exactly those of its file.
DELETE FROM twin.layer WHERE scene = %(scene)s;

-- name: layers_insert
INSERT INTO twin.layer (scene, layer, position, spec)
SELECT %(scene)s, t.layer, t.position, t.spec
FROM unnest(%(layers)s::text[], %(specs)s::jsonb[]) WITH ORDINALITY AS t (layer, spec, position);

-- name: layers_list
SELECT scene, layer, spec FROM twin.layer ORDER BY scene, position;

-- name: layer_get
SELECT scene, layer, spec FROM twin.layer WHERE scene = %(scene)s AND layer = %(layer)s;

-- name: staging_create
-- Entities are copied here first: COPY itself can neither update nor bring them into normalized form.
CREATE TEMPORARY TABLE IF NOT EXISTS entity_staging (
    id text NOT NULL, type text NOT NULL, name jsonb, lon float8, lat float8, district text, street text,
    attributes jsonb NOT NULL, relations jsonb NOT NULL, geometry jsonb, synthetic boolean NOT NULL, h3 bigint
) ON COMMIT DELETE ROWS;

-- name: staging_clear
TRUNCATE entity_staging;

-- name: staging_copy
COPY entity_staging FROM STDIN (FORMAT csv);

-- name: staging_analyze
-- Nobody else analyses a temporary table, and without it a million rows are joined as if a thousand.
ANALYZE entity_staging;

-- name: staging_normalize
-- Into NGSI-LD's normalized form (ETSI GS CIM 009, 4.5.2 and 4.5.3), with the units of the type.
UPDATE entity_staging s SET
    attributes = coalesce((
        SELECT jsonb_object_agg(a.key, jsonb_strip_nulls(jsonb_build_object(
            'type', 'Property', 'value', a.value, 'unitCode', t.spec #> ARRAY['attributes', a.key, 'unit'])))
        FROM jsonb_each(s.attributes) AS a WHERE a.value <> 'null'), '{}'),
    relations = coalesce((
        SELECT jsonb_object_agg(r.key, jsonb_build_object('type', 'Relationship', 'object', r.value))
        FROM jsonb_each(s.relations) AS r), '{}')
FROM twin.entity_type t
WHERE t.type = s.type AND (s.attributes <> '{}' OR s.relations <> '{}');

-- name: entities_update
-- What is null stays as it is known. Observed attributes survive: the declared ones are laid over
-- them. Rows are locked in order of id, as by `attributes_apply`; what would not change is not written.
WITH fresh AS (
    SELECT s.id, coalesce(s.name, e.name) AS name, coalesce(s.lon, e.lon) AS lon, coalesce(s.lat, e.lat) AS lat,
           coalesce(s.geometry, e.geometry) AS geometry,
           CASE WHEN s.lon IS NULL THEN e.h3 ELSE s.h3 END AS h3,
           CASE WHEN s.lon IS NULL THEN e.district ELSE s.district END AS district,
           CASE WHEN s.lon IS NULL THEN e.street ELSE s.street END AS street,
           e.attributes || s.attributes AS attributes,
           e.relations || s.relations AS relations, s.synthetic
    FROM entity_staging s JOIN twin.entity e USING (id)
    ORDER BY s.id FOR UPDATE OF e
)
UPDATE twin.entity e SET name = f.name, lon = f.lon, lat = f.lat, geometry = f.geometry, h3 = f.h3,
    district = f.district, street = f.street, attributes = f.attributes, relations = f.relations,
    synthetic = f.synthetic, modified_at = %(now)s
FROM fresh f
WHERE e.id = f.id
  AND (e.name, e.lon, e.lat, e.geometry, e.h3, e.district, e.street, e.attributes, e.relations, e.synthetic)
      IS DISTINCT FROM
      (f.name, f.lon, f.lat, f.geometry, f.h3, f.district, f.street, f.attributes, f.relations, f.synthetic);

-- name: entities_insert
-- In order of id, so that two who insert the same never wait for each other in a circle.
INSERT INTO twin.entity (id, type, name, lon, lat, geometry, h3, district, street, attributes, relations,
                         synthetic, created_at, modified_at)
SELECT s.id, s.type, coalesce(s.name, jsonb_build_object('zh', local, 'en', local)), s.lon, s.lat, s.geometry,
       s.h3, s.district, s.street, s.attributes, s.relations, s.synthetic, %(now)s, %(now)s
FROM entity_staging s
CROSS JOIN LATERAL (SELECT substr(s.id, length('urn:ngsi-ld:' || s.type || ':') + 1)) AS n (local)
WHERE NOT EXISTS (SELECT FROM twin.entity e WHERE e.id = s.id)
ORDER BY s.id
ON CONFLICT (id) DO NOTHING;

-- name: attributes_apply
-- Rows are locked in order of id, so that two workers never wait for each other in a circle. A late
-- observation does not replace a newer one, attribute by attribute.
WITH incoming AS (
    SELECT DISTINCT ON (id, attribute) *
    FROM unnest(%(entity)s::text[], %(attribute)s::text[], %(value)s::float8[], %(text)s::text[],
                %(boolean)s::boolean[], %(unit)s::text[], %(observed_at)s::timestamptz[])
         AS t (id, attribute, value, text, is_boolean, unit, observed_at)
    ORDER BY id, attribute, observed_at DESC
), target AS MATERIALIZED (
    SELECT e.id, e.attributes FROM twin.entity e
    WHERE e.id IN (SELECT id FROM incoming) ORDER BY e.id FOR UPDATE
), patch AS (
    SELECT target.id, jsonb_object_agg(
        i.attribute,
        jsonb_strip_nulls(jsonb_build_object(
            'type', 'Property',
            'value', CASE WHEN i.text IS NOT NULL THEN to_jsonb(i.text)
                          WHEN i.is_boolean THEN to_jsonb(i.value <> 0)
                          ELSE to_jsonb(i.value) END,
            'unitCode', i.unit,
            'observedAt', to_char(i.observed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
        ) AS attributes
    FROM target JOIN incoming i USING (id)
    WHERE i.observed_at > coalesce((target.attributes -> i.attribute ->> 'observedAt')::timestamptz, '-infinity')
    GROUP BY target.id
)
UPDATE twin.entity e SET attributes = e.attributes || patch.attributes, modified_at = %(now)s
FROM patch WHERE e.id = patch.id;

-- name: entity_get
SELECT id, type, name, lon, lat, district, street, attributes, relations, modified_at
FROM twin.entity WHERE id = %(id)s;

-- name: entities_get
SELECT id, type, name, lon, lat, district, street, attributes, relations, modified_at
FROM twin.entity WHERE id = ANY(%(ids)s);

-- name: entities_page
-- Keyset paging by id. `q` is matched as plain text: its wildcards are escaped before.
SELECT id, type, name, lon, lat, district, street, attributes, relations, modified_at
FROM twin.entity
WHERE (%(type)s::text IS NULL OR type = %(type)s)
  AND (%(q)s::text IS NULL OR id ILIKE %(q)s OR name ->> 'zh' ILIKE %(q)s OR name ->> 'en' ILIKE %(q)s)
  AND (%(after)s::text IS NULL OR id > %(after)s)
ORDER BY id LIMIT %(limit)s;

-- name: entities_count
SELECT count(*) AS n FROM twin.entity
WHERE (%(type)s::text IS NULL OR type = %(type)s)
  AND (%(q)s::text IS NULL OR id ILIKE %(q)s OR name ->> 'zh' ILIKE %(q)s OR name ->> 'en' ILIKE %(q)s);

-- name: entities_named
SELECT id, name, lon, lat FROM twin.entity WHERE id = ANY(%(ids)s);

-- name: entities_places
SELECT id, name, lon, lat, district FROM twin.entity WHERE id = ANY(%(ids)s);

-- name: entities_relations
-- Only the relations of these names, of entities that have any of them.
SELECT e.id, r.relations FROM twin.entity e
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(key, value ->> 'object') AS relations FROM jsonb_each(e.relations)
    WHERE key = ANY(%(names)s)
) AS r
WHERE e.id = ANY(%(ids)s) AND e.relations ?| %(names)s;

-- name: layer_points
-- Only what the map needs of each entity.
SELECT id, name, lon, lat,
       attributes -> %(attribute)s::text -> 'value' AS value,
       attributes -> %(attribute)s::text ->> 'observedAt' AS observed_at,
       attributes -> %(relative_to)s::text -> 'value' AS whole
FROM twin.entity
WHERE type = %(type)s AND lon IS NOT NULL
ORDER BY id LIMIT %(limit)s;

-- name: entity_areas
SELECT id, district, street FROM twin.entity WHERE id = ANY(%(ids)s);
