-- name: products_foreign
-- Products of this list that another scene declares: the topic has room for one of a name.
SELECT product, scene FROM sensing.product WHERE product = ANY(%(products)s) AND scene <> %(scene)s;

-- name: products_upsert
-- Products that left the pack stay, since devices may be of them.
INSERT INTO sensing.product (product, scene, spec)
SELECT t.product, %(scene)s, t.spec FROM unnest(%(products)s::text[], %(specs)s::jsonb[]) AS t (product, spec)
ON CONFLICT (product) DO UPDATE SET spec = excluded.spec;

-- name: products_list
SELECT product, scene, spec FROM sensing.product ORDER BY scene, product;

-- name: products_get
SELECT product, scene, spec FROM sensing.product WHERE product = ANY(%(products)s);

-- name: rules_upsert
INSERT INTO sensing.rule (scene, rule, spec)
SELECT %(scene)s, t.rule, t.spec FROM unnest(%(rules)s::text[], %(specs)s::jsonb[]) AS t (rule, spec)
ON CONFLICT (scene, rule) DO UPDATE SET spec = excluded.spec, active = true;

-- name: rules_retire
UPDATE sensing.rule SET active = false
WHERE scene = %(scene)s AND active AND NOT rule = ANY(%(rules)s)
RETURNING number, scene, rule, spec;

-- name: alarms_of_rules
SELECT id, rule, device FROM sensing.alarm WHERE rule = ANY(%(rules)s) AND state <> 'cleared';

-- name: states_of_rules_delete
DELETE FROM sensing.rule_state WHERE rule = ANY(%(rules)s);

-- name: registry_bump
-- The lock on its one row puts registrations in order of commit, so that no version is skipped.
UPDATE sensing.registry SET version = version + 1 RETURNING version;

-- name: series_insert
-- The series that these products' devices lack; the NOT EXISTS keeps the numbers dense.
INSERT INTO sensing.series (device, metric)
SELECT d.number, m.metric
FROM sensing.device d
JOIN sensing.product p USING (product)
CROSS JOIN LATERAL jsonb_object_keys(p.spec -> 'metrics') AS m (metric)
WHERE p.product = ANY(%(products)s::text[])
  AND NOT EXISTS (SELECT FROM sensing.series s WHERE s.device = d.number AND s.metric = m.metric)
ORDER BY d.number, m.metric
ON CONFLICT DO NOTHING;

-- name: devices_extended
-- Devices of these products lack a series of a metric, which they are about to get.
UPDATE sensing.device d SET changed = %(changed)s
FROM sensing.product p
WHERE p.product = d.product AND p.product = ANY(%(products)s)
  AND EXISTS (SELECT FROM jsonb_object_keys(p.spec -> 'metrics') AS m (metric)
              WHERE NOT EXISTS (SELECT FROM sensing.series s
                                WHERE s.device = d.number AND s.metric = m.metric));

-- name: products_of_devices
SELECT id, product FROM sensing.device WHERE id = ANY(%(ids)s);

-- name: devices_page
-- Keyset paging by id; `numbers` are those of a state, where they are few. A retired device is found
-- by its id only. What `q` is compared with is the expression of the index device_search.
SELECT d.number, d.id, d.product, p.spec -> 'label' AS product_label, d.entity, d.name, d.lon, d.lat,
       d.district, d.owner, d.standing, d.synthetic
FROM sensing.device d JOIN sensing.product p USING (product)
WHERE (%(product)s::text IS NULL OR d.product = %(product)s)
  AND (%(q)s::text IS NULL
       OR (d.id || ' ' || coalesce(d.name ->> 'zh', '') || ' ' || coalesce(d.name ->> 'en', '')) ILIKE %(q)s)
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
  AND (%(id)s::text IS NULL OR d.id = %(id)s)
  AND (%(numbers)s::int[] IS NULL OR d.number = ANY(%(numbers)s))
  AND (%(district)s::text IS NULL OR d.district = %(district)s OR %(district)s = 'none' AND d.district IS NULL)
  AND (%(owner)s::text IS NULL OR d.owner = %(owner)s OR %(owner)s = 'none' AND d.owner IS NULL)
  AND (d.standing = %(standing)s::text OR (%(standing)s::text IS NULL AND (d.standing <> 'retired' OR d.id = %(id)s)))
ORDER BY d.id LIMIT %(limit)s;

-- name: devices_count
-- Of the same devices as `devices_page`, where the live table's columns do not hold what is asked.
SELECT count(*) AS n FROM sensing.device d
WHERE (%(district)s::text IS NULL OR d.district = %(district)s OR %(district)s = 'none' AND d.district IS NULL)
  AND (%(owner)s::text IS NULL OR d.owner = %(owner)s OR %(owner)s = 'none' AND d.owner IS NULL)
  AND (%(numbers)s::int[] IS NULL OR d.number = ANY(%(numbers)s))
  AND (d.standing = %(standing)s::text OR (%(standing)s::text IS NULL AND d.standing <> 'retired'))
  AND (%(product)s::text IS NULL OR d.product = %(product)s)
  AND (%(q)s::text IS NULL
       OR (d.id || ' ' || coalesce(d.name ->> 'zh', '') || ' ' || coalesce(d.name ->> 'en', '')) ILIKE %(q)s);

-- name: overview
SELECT
    (SELECT coalesce(sum(stored), 0)::bigint FROM sensing.intake_count WHERE slot >= %(today_from)s) AS readings_today,
    -- The current slot is still filling: the rate is that of the two before it.
    (SELECT coalesce(sum(stored), 0)::float8 / 20 FROM sensing.intake_count
     WHERE slot >= date_bin('10 seconds', %(now)s, 'epoch'::timestamptz) - interval '20 seconds'
       AND slot < date_bin('10 seconds', %(now)s, 'epoch'::timestamptz)) AS readings_per_s,
    (SELECT count(*) FROM sensing.alarm WHERE state <> 'cleared') AS alarms_open;

-- name: intake_count_prune
DELETE FROM sensing.intake_count WHERE slot < %(before)s;
