-- name: outbox_insert_many
-- One statement for a whole batch of events.
INSERT INTO infra.outbox (id, subject, payload)
SELECT * FROM unnest(%(ids)s::uuid[], %(subjects)s::text[], %(payloads)s::jsonb[]);

-- name: outbox_notify
SELECT pg_notify('outbox', '');

-- name: outbox_next
-- In order; one relay at a time holds the advisory lock, so no row lock is needed.
SELECT id, subject, payload, created_at FROM infra.outbox ORDER BY id LIMIT %(limit)s;

-- name: outbox_delete
DELETE FROM infra.outbox WHERE id = ANY(%(ids)s);

-- name: inbox_insert
-- Nothing comes back when this consumer has handled the event before.
INSERT INTO infra.inbox (consumer, event_id) VALUES (%(consumer)s, %(event_id)s)
ON CONFLICT DO NOTHING RETURNING event_id;

-- name: inbox_prune
-- JetStream's own duplicate window and redelivery end long before a week.
DELETE FROM infra.inbox WHERE handled_at < now() - interval '7 days';

-- name: dead_letters_insert
INSERT INTO infra.dead_letter (id, source, subject, payload, code, params)
SELECT * FROM unnest(%(ids)s::uuid[], %(sources)s::text[], %(subjects)s::text[],
                     %(payloads)s::bytea[], %(codes)s::text[], %(params)s::jsonb[]);

-- name: dead_letters_list
-- Newest first; `before` is the cursor.
SELECT id, source, subject, payload, code, params, created_at, replayed_at
FROM infra.dead_letter
WHERE (%(waiting)s::boolean IS NOT TRUE OR replayed_at IS NULL)
  AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
ORDER BY id DESC LIMIT %(limit)s;

-- name: dead_letters_count
SELECT count(*) AS n FROM infra.dead_letter WHERE starts_with(subject, %(prefix)s);

-- name: dead_letter_get
SELECT id, source, subject, payload, code, params, created_at, replayed_at
FROM infra.dead_letter WHERE id = %(id)s FOR UPDATE;

-- name: dead_letter_replayed
UPDATE infra.dead_letter SET replayed_at = now() WHERE id = %(id)s;

-- name: idempotency_get
SELECT request, response FROM infra.idempotency WHERE principal = %(principal)s AND key = %(key)s;

-- name: idempotency_lock
-- Two requests with one key wait for each other; the second then finds the first's answer.
SELECT pg_advisory_xact_lock(hashtextextended(%(principal)s || %(key)s, 0));

-- name: idempotency_insert
INSERT INTO infra.idempotency (principal, key, request, response)
VALUES (%(principal)s, %(key)s, %(request)s, %(response)s);

-- name: pack_upsert
INSERT INTO infra.installed_pack (kind, name, version, content_hash, content, position)
VALUES (%(kind)s, %(name)s, %(version)s, %(content_hash)s, %(content)s, %(position)s)
ON CONFLICT (kind, name) DO UPDATE
SET version = excluded.version, content_hash = excluded.content_hash, content = excluded.content,
    position = excluded.position, installed_at = now();

-- name: pack_delete_other_cities
-- One city a database.
DELETE FROM infra.installed_pack WHERE kind = 'city' AND name <> %(name)s;

-- name: pack_hashes
SELECT kind, name, version, content_hash, installed_at FROM infra.installed_pack ORDER BY kind, position;

-- name: scene_names
SELECT name AS scene, content -> 'manifest' -> 'name' AS label FROM infra.installed_pack
WHERE kind = 'scene' ORDER BY position;

-- name: packs_of_kind
SELECT content FROM infra.installed_pack WHERE kind = %(kind)s ORDER BY position;

-- name: pack_lock
-- Two installations do not mix.
SELECT pg_advisory_xact_lock(7201003);

-- name: idempotency_prune
-- A client that sends again after a week means something new.
DELETE FROM infra.idempotency WHERE created_at < now() - interval '7 days';
