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

-- name: entities_upsert
-- One statement for thousands. Observed attributes survive: the declared ones are laid over them.
INSERT INTO twin.entity (id, type, name, lon, lat, geometry, h3, district, street, attributes,
                         relations, synthetic, created_at, modified_at)
SELECT t.*, %(now)s, %(now)s
FROM unnest(%(ids)s::text[], %(types)s::text[], %(names)s::jsonb[], %(lons)s::float8[], %(lats)s::float8[],
            %(geometries)s::jsonb[], %(h3s)s::bigint[], %(districts)s::text[], %(streets)s::text[],
            %(attributes)s::jsonb[], %(relations)s::jsonb[], %(synthetic)s::boolean[]) AS t
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, lon = excluded.lon, lat = excluded.lat, geometry = excluded.geometry,
    h3 = excluded.h3, district = excluded.district, street = excluded.street,
    attributes = entity.attributes || excluded.attributes,
    relations = entity.relations || excluded.relations,
    synthetic = excluded.synthetic, modified_at = excluded.modified_at;

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
SELECT id, type, name, lon, lat, district, street, attributes, relations
FROM twin.entity WHERE id = %(id)s;

-- name: entities_page
-- Keyset paging by id. `q` is matched as plain text: its wildcards are escaped before.
SELECT id, type, name, lon, lat, district, street, attributes, relations
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

-- name: layer_points
-- Only what the map needs of each entity.
SELECT id, name, lon, lat,
       attributes -> %(attribute)s::text -> 'value' AS value,
       attributes -> %(attribute)s::text ->> 'observedAt' AS observed_at,
       attributes -> %(relative_to)s::text -> 'value' AS whole
FROM twin.entity
WHERE type = %(type)s AND lon IS NOT NULL
ORDER BY id LIMIT %(limit)s;
