-- name: departments_upsert
-- The city pack says which departments there are; cases may still name one that it dropped.
INSERT INTO identity.department (id, name, kind, area, parent, phone, active)
SELECT id, name, kind, area, parent, phone, true
FROM unnest(%(ids)s::text[], %(names)s::jsonb[], %(kinds)s::text[], %(areas)s::text[],
            %(parents)s::text[], %(phones)s::text[]) AS d (id, name, kind, area, parent, phone)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, area = excluded.area,
    parent = excluded.parent, phone = excluded.phone, active = true;

-- name: departments_retire
UPDATE identity.department SET active = false WHERE active AND NOT id = ANY(%(ids)s);

-- name: departments
SELECT id, name, kind, area, parent, phone FROM identity.department WHERE active ORDER BY id;

-- name: department
-- Also a retired one: old cases show its name.
SELECT id, name, kind, area, parent, phone FROM identity.department WHERE id = %(id)s;

-- name: department_names
SELECT id, name FROM identity.department WHERE id = ANY(%(ids)s);

-- name: party_insert
INSERT INTO identity.party (id, account, name, kind, department, password_hash, created_at)
VALUES (%(id)s, %(account)s, %(name)s, %(kind)s, %(department)s, %(password_hash)s, %(now)s)
ON CONFLICT (account) DO NOTHING RETURNING id;

-- name: party_by_account
-- For signing in: with the hash, which no other query returns.
SELECT p.id, p.account, p.name, p.kind, p.department, p.password_hash, p.disabled_at,
       ARRAY(SELECT role FROM identity.role_grant g WHERE g.party_id = p.id ORDER BY role) AS roles
FROM identity.party p WHERE p.account = %(account)s;

-- name: accounts
-- One query for a page, a single account by its id or by its name; `after` is the cursor.
SELECT p.id, p.account, p.name, p.kind, p.department, d.name AS department_name, p.demo,
       p.disabled_at, p.created_at,
       ARRAY(SELECT role FROM identity.role_grant g WHERE g.party_id = p.id ORDER BY role) AS roles
FROM identity.party p LEFT JOIN identity.department d ON d.id = p.department
WHERE (%(id)s::uuid IS NULL OR p.id = %(id)s::uuid)
  AND (%(account)s::text IS NULL OR p.account = %(account)s::text)
  AND (%(after)s::text IS NULL OR p.account > %(after)s::text)
ORDER BY p.account LIMIT %(limit)s;

-- name: party_names
SELECT id, name FROM identity.party WHERE id = ANY(%(ids)s);

-- name: members
-- Who is meant by each wish: accounts by id, and those who hold one of its roles, in its department if it
-- names one. In one statement for all wishes; each is cut at a limit.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(wanted)s) AS w (n int, accounts uuid[], department text, roles text[])
)
SELECT w.n, found.id FROM wanted w CROSS JOIN LATERAL (
    SELECT p.id FROM identity.party p
    WHERE p.disabled_at IS NULL AND p.id = ANY(w.accounts)
    UNION
    (SELECT p.id FROM identity.party p
     WHERE p.disabled_at IS NULL AND p.department = w.department
       AND EXISTS (SELECT FROM identity.role_grant g WHERE g.party_id = p.id AND g.role = ANY(w.roles))
     ORDER BY p.id LIMIT %(limit)s)
    UNION
    (SELECT p.id FROM identity.role_grant g JOIN identity.party p ON p.id = g.party_id
     WHERE w.department IS NULL AND g.role = ANY(w.roles) AND p.disabled_at IS NULL
     ORDER BY p.id LIMIT %(limit)s)
) AS found;

-- name: party_password
UPDATE identity.party SET password_hash = %(password_hash)s WHERE id = %(id)s;

-- name: party_disable
UPDATE identity.party SET disabled_at = %(now)s WHERE id = %(id)s AND disabled_at IS NULL;

-- name: party_enable
UPDATE identity.party SET disabled_at = NULL WHERE id = %(id)s;

-- name: roles_replace
-- Both parts see the same snapshot, so a role that stays is neither deleted nor inserted.
WITH gone AS (
    DELETE FROM identity.role_grant WHERE party_id = %(party_id)s AND NOT role = ANY(%(roles)s)
)
INSERT INTO identity.role_grant (party_id, role, granted_at)
SELECT %(party_id)s, role, %(now)s FROM unnest(%(roles)s::text[]) AS role
ON CONFLICT DO NOTHING;

-- name: demo_lock
-- Processes that start together make the demo accounts one after the other.
SELECT pg_advisory_xact_lock(7201010);

-- name: demo_upsert
-- An account of the same name that a person made is left alone: it does not come back.
INSERT INTO identity.party (id, account, name, department, password_hash, demo, created_at)
SELECT id, account, name, department, password_hash, true, %(now)s
FROM unnest(%(ids)s::uuid[], %(accounts)s::text[], %(names)s::jsonb[], %(departments)s::text[],
            %(hashes)s::text[]) AS a (id, account, name, department, password_hash)
ON CONFLICT (account) DO UPDATE SET name = excluded.name, department = excluded.department,
    password_hash = excluded.password_hash, disabled_at = NULL
    WHERE party.demo
RETURNING id, account;

-- name: demo_grant
WITH gone AS (
    DELETE FROM identity.role_grant g USING unnest(%(party_ids)s::uuid[], %(roles)s::text[]) AS w (id, role)
    WHERE g.party_id = w.id AND g.role <> w.role
)
INSERT INTO identity.role_grant (party_id, role, granted_at)
SELECT id, role, %(now)s FROM unnest(%(party_ids)s::uuid[], %(roles)s::text[]) AS w (id, role)
ON CONFLICT DO NOTHING;

-- name: demo_disable
-- Demo accounts other than `accounts`; all of them when demo mode is off.
WITH gone AS (
    UPDATE identity.party SET disabled_at = %(now)s
    WHERE demo AND disabled_at IS NULL AND NOT account = ANY(%(accounts)s)
    RETURNING id
), sessions AS (
    DELETE FROM identity.session WHERE party_id IN (SELECT id FROM gone)
)
DELETE FROM identity.api_token WHERE party_id IN (SELECT id FROM gone);

-- name: sign_in_failures
-- How often it failed since then, for the account and from the address, and when each began.
SELECT count(*) FILTER (WHERE account_hash = %(account_hash)s) AS account_failures,
       min(failed_at) FILTER (WHERE account_hash = %(account_hash)s) AS account_since,
       count(*) FILTER (WHERE address = %(address)s) AS address_failures,
       min(failed_at) FILTER (WHERE address = %(address)s) AS address_since
FROM identity.sign_in_failure
WHERE failed_at > %(since)s AND (account_hash = %(account_hash)s OR address = %(address)s);

-- name: sign_in_lock
-- Attempts at one account wait for each other, so that a burst cannot pass the limit together.
SELECT pg_advisory_xact_lock(hashtextextended('sign_in' || encode(%(account_hash)s, 'hex'), 0));

-- name: sign_in_failed
INSERT INTO identity.sign_in_failure (id, account_hash, address, failed_at)
VALUES (%(id)s, %(account_hash)s, %(address)s, %(now)s);

-- name: sign_in_succeeded
DELETE FROM identity.sign_in_failure WHERE account_hash = %(account_hash)s;

-- name: session_insert
INSERT INTO identity.session (token_hash, party_id, created_at, last_seen_at, expires_at, idle_max)
VALUES (%(token_hash)s, %(party_id)s, %(now)s, %(now)s, %(expires_at)s, %(idle_max)s);

-- name: session_delete
DELETE FROM identity.session WHERE token_hash = %(token_hash)s;

-- name: sessions_delete
DELETE FROM identity.session WHERE party_id = %(party_id)s;

-- name: principal_by_session
SELECT p.id, p.account, p.name, p.kind, p.department, s.last_seen_at,
       ARRAY(SELECT role FROM identity.role_grant g WHERE g.party_id = p.id) AS roles
FROM identity.session s JOIN identity.party p ON p.id = s.party_id
WHERE s.token_hash = %(token_hash)s AND s.expires_at > %(now)s
  AND s.last_seen_at + s.idle_max > %(now)s AND p.disabled_at IS NULL;

-- name: session_touch
-- A request that finds the row locked by a neighbour of the same session need not wait to say the same.
UPDATE identity.session SET last_seen_at = %(now)s WHERE token_hash IN (
    SELECT token_hash FROM identity.session WHERE token_hash = %(token_hash)s FOR UPDATE SKIP LOCKED
);

-- name: principal_by_token
-- Expired and disabled ones too: their holder is told why.
SELECT p.id, p.account, p.name, p.kind, p.department, p.disabled_at, t.id AS token_id, t.expires_at,
       t.last_used_at,
       ARRAY(SELECT role FROM identity.role_grant g WHERE g.party_id = p.id) AS roles
FROM identity.api_token t JOIN identity.party p ON p.id = t.party_id
WHERE t.token_hash = %(token_hash)s;

-- name: token_touch
-- As session_touch.
UPDATE identity.api_token SET last_used_at = %(now)s WHERE id IN (
    SELECT id FROM identity.api_token WHERE id = %(id)s FOR UPDATE SKIP LOCKED
);

-- name: credential_expiry
SELECT expires_at FROM identity.session WHERE token_hash = %(token_hash)s
UNION ALL SELECT expires_at FROM identity.api_token WHERE token_hash = %(token_hash)s;

-- name: tokens
SELECT id, name, expires_at, created_at, last_used_at
FROM identity.api_token WHERE party_id = %(party_id)s ORDER BY id DESC LIMIT %(limit)s;

-- name: tokens_live
SELECT count(*) AS live FROM identity.api_token WHERE party_id = %(party_id)s AND expires_at > %(now)s;

-- name: token_insert
INSERT INTO identity.api_token (id, token_hash, party_id, name, created_at, expires_at)
VALUES (%(id)s, %(token_hash)s, %(party_id)s, %(name)s, %(now)s, %(expires_at)s);

-- name: token_delete
-- Only the holder's own.
DELETE FROM identity.api_token WHERE id = %(id)s AND party_id = %(party_id)s RETURNING name;

-- name: prune
-- What can no longer let anybody in or keep anybody out. Expired tokens stay a month, to be explained.
WITH sessions AS (
    DELETE FROM identity.session WHERE expires_at <= %(now)s OR last_seen_at + idle_max <= %(now)s
), failures AS (
    DELETE FROM identity.sign_in_failure WHERE failed_at < %(now)s - interval '1 day'
)
DELETE FROM identity.api_token WHERE expires_at < %(now)s - interval '30 days';

-- name: audit_insert
-- Unlinked: a link needs a global lock, which would make audited requests wait for each other.
INSERT INTO identity.audit (time, actor_id, actor_name, action, resource, detail)
VALUES (%(time)s, %(actor_id)s, %(actor_name)s, %(action)s, %(resource)s, %(detail)s);

-- name: audit_page
-- Newest first; `before` is the cursor.
SELECT id, time, actor_id, actor_name, action, resource, detail FROM identity.audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
  AND (%(action)s::text IS NULL OR action = %(action)s::text)
  AND (%(actor_id)s::uuid IS NULL OR actor_id = %(actor_id)s::uuid)
ORDER BY id DESC LIMIT %(limit)s;

-- name: audit_link_lock
-- One linker at a time; the head is read by a later statement, which sees what the last one committed.
SELECT pg_advisory_xact_lock(7201011);

-- name: audit_head
SELECT position, hash FROM identity.audit_link ORDER BY position DESC LIMIT 1;

-- name: audit_to_link
-- Rows of a transaction that commits late come in a later round: the chain's order is the order of
-- linking, so nothing is skipped. The detail comes as text to keep its numbers exact.
SELECT a.id, a.time, a.actor_id, a.actor_name, a.action, a.resource, a.detail::text AS detail_json
FROM identity.audit_pending q JOIN identity.audit a ON a.id = q.audit_id
ORDER BY a.id LIMIT %(limit)s;

-- name: audit_link
WITH linked AS (
    INSERT INTO identity.audit_link (position, audit_id, prev_hash, hash)
    SELECT * FROM unnest(%(positions)s::bigint[], %(audit_ids)s::bigint[],
                         %(prev_hashes)s::bytea[], %(hashes)s::bytea[])
)
DELETE FROM identity.audit_pending WHERE audit_id = ANY(%(audit_ids)s);

-- name: audit_chain
-- A part of the chain with its rows; a row that was removed comes as nulls.
SELECT l.position, l.audit_id, l.prev_hash, l.hash, a.id, a.time, a.actor_id, a.actor_name, a.action,
       a.resource, a.detail::text AS detail_json
FROM identity.audit_link l LEFT JOIN identity.audit a ON a.id = l.audit_id
WHERE l.position > %(after)s ORDER BY l.position LIMIT %(limit)s;

-- name: audit_link_by_hash
SELECT position FROM identity.audit_link WHERE hash = %(hash)s;

-- name: audit_unhurried
-- A verification reads the whole log, however long that takes.
SELECT set_config('statement_timeout', '0', true);

-- name: audit_unlinked
-- Rows without a link, and rows that wait for one but are gone.
SELECT (SELECT count(*) FROM identity.audit a
        WHERE NOT EXISTS (SELECT FROM identity.audit_link l WHERE l.audit_id = a.id)) AS unlinked,
       (SELECT min(audit_id) FROM identity.audit_pending q
        WHERE NOT EXISTS (SELECT FROM identity.audit a WHERE a.id = q.audit_id)) AS lost;
