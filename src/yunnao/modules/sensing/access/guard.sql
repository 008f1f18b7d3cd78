-- name: registry_version
SELECT version FROM sensing.registry;

-- name: not_active
-- Few of all devices, found by their own index.
SELECT number, standing FROM sensing.device WHERE standing <> 'active' ORDER BY number;

-- name: limits
SELECT department, messages_per_minute_max FROM sensing.department_limit ORDER BY department;

-- name: owners_changed
-- What changed of who owns what, for departments that have a limit.
SELECT number, coalesce(array_position(%(departments)s::text[], owner), 0) - 1 AS owner
FROM sensing.device WHERE changed > %(version)s;

-- name: department_minutes
-- What departments sent in a minute through the other lanes.
SELECT department, sum(messages)::bigint AS messages FROM sensing.department_minute
WHERE minute = %(minute)s AND lane <> %(lane)s GROUP BY department;

-- name: department_minutes_add
INSERT INTO sensing.department_minute AS m (department, minute, lane, messages)
SELECT department, %(minute)s, %(lane)s, messages
FROM unnest(%(departments)s::text[], %(messages)s::bigint[]) AS t (department, messages) ORDER BY department
ON CONFLICT (department, minute, lane) DO UPDATE SET messages = m.messages + excluded.messages;

-- name: quarantine_note
-- One row for each sender and topic of the batch that was refused. What an operator has decided
-- stays decided, but for a released one that offends anew. Rows are locked in order.
INSERT INTO sensing.quarantine AS q
    (id, product, device, reason, state, first_seen, last_seen, messages, codes, sample)
SELECT t.id, t.product, t.device, t.reason, 'held', %(now)s, %(now)s, t.messages, t.codes, t.sample
FROM unnest(%(ids)s::uuid[], %(products)s::text[], %(devices)s::text[], %(reasons)s::text[],
            %(messages)s::bigint[], %(codes)s::jsonb[], %(samples)s::bytea[])
     AS t (id, product, device, reason, messages, codes, sample)
ORDER BY t.device, t.product
ON CONFLICT (device, product) DO UPDATE SET
    last_seen = excluded.last_seen, messages = q.messages + excluded.messages, sample = excluded.sample,
    codes = (SELECT jsonb_object_agg(k.code, coalesce((q.codes ->> k.code)::bigint, 0)
                                             + coalesce((excluded.codes ->> k.code)::bigint, 0))
             FROM (SELECT jsonb_object_keys(q.codes || excluded.codes) AS code) AS k),
    state = CASE WHEN q.state IN ('released', 'registered') THEN 'held' ELSE q.state END,
    reason = CASE WHEN q.state IN ('released', 'registered') THEN excluded.reason ELSE q.reason END
RETURNING q.device, q.product, q.state, q.messages;

-- name: offences_note
-- Counts of the current window; a window that is over begins anew. Answers who is over the bounds.
INSERT INTO sensing.offence AS o (device, since, refused, over_rate)
SELECT t.device, %(now)s, t.refused, t.over_rate
FROM unnest(%(devices)s::int[], %(refused)s::int[], %(over_rate)s::int[]) AS t (device, refused, over_rate)
ORDER BY t.device
ON CONFLICT (device) DO UPDATE SET
    since = CASE WHEN o.since < %(window_from)s THEN excluded.since ELSE o.since END,
    refused = CASE WHEN o.since < %(window_from)s THEN 0 ELSE o.refused END + excluded.refused,
    over_rate = CASE WHEN o.since < %(window_from)s THEN 0 ELSE o.over_rate END + excluded.over_rate
RETURNING o.device, o.refused, o.over_rate;

-- name: devices_quarantine
UPDATE sensing.device SET standing = 'quarantined', changed = %(changed)s
WHERE number = ANY(%(numbers)s) AND standing = 'active' RETURNING number, id, product;

-- name: offences_forget
DELETE FROM sensing.offence WHERE device = ANY(%(numbers)s);

-- name: prune_offences
DELETE FROM sensing.offence WHERE since < %(before)s;

-- name: prune_minutes
DELETE FROM sensing.department_minute WHERE minute < %(before)s;

-- name: prune_quarantine
-- The oldest undecided make room, so that whoever invents names cannot fill the disk.
DELETE FROM sensing.quarantine WHERE id IN (
    SELECT id FROM sensing.quarantine WHERE state = 'held' AND reason IN ('unknown', 'other_product')
    ORDER BY last_seen DESC OFFSET %(rows_max)s);
