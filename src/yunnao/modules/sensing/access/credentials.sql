-- name: devices_lock
-- The device whose credentials change, so that two changes of one device go in turn.
SELECT number, id, product, standing FROM sensing.device WHERE id = %(device)s FOR UPDATE;

-- name: credentials_of
SELECT c.id, c.kind, c.issued_at, c.expires_at, c.revoked_at, c.last_used_at
FROM sensing.credential c JOIN sensing.device d ON d.number = c.device
WHERE d.id = %(device)s ORDER BY c.id DESC LIMIT %(limit)s;

-- name: live_count
SELECT count(*) AS n FROM sensing.credential
WHERE device = %(number)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s);

-- name: credential_insert
INSERT INTO sensing.credential (id, device, kind, hash, issued_at, issued_by, expires_at)
VALUES (%(id)s, %(number)s, %(kind)s, %(hash)s, %(now)s, %(by)s, %(expires_at)s);

-- name: credentials_end
-- The others of a device stay good for the time of the overlap, and no longer than they were.
UPDATE sensing.credential SET expires_at = least(expires_at, %(until)s)
WHERE device = %(number)s AND revoked_at IS NULL AND id <> %(besides)s;

-- name: credential_revoke
UPDATE sensing.credential SET revoked_at = %(now)s, revoked_by = %(by)s
WHERE id = %(id)s AND device = %(number)s AND revoked_at IS NULL RETURNING id;

-- name: credentials_revoke_all
UPDATE sensing.credential SET revoked_at = %(now)s, revoked_by = %(by)s
WHERE device = ANY(%(numbers)s) AND revoked_at IS NULL;

-- name: credentials_expire
-- What has expired is revoked, so that whoever is still connected with it is cut off.
UPDATE sensing.credential c SET revoked_at = c.expires_at FROM sensing.device d
WHERE d.number = c.device AND c.revoked_at IS NULL AND c.expires_at <= %(now)s RETURNING d.id AS device;

-- name: devices_without
-- Devices that can prove themselves with nothing, in order of id.
SELECT d.number, d.id, d.product FROM sensing.device d
WHERE (%(product)s::text IS NULL OR d.product = %(product)s) AND (%(owner)s::text IS NULL OR d.owner = %(owner)s)
  AND d.standing IN ('active', 'quarantined') AND NOT d.id = ANY(%(reserved)s)
  AND NOT EXISTS (SELECT FROM sensing.credential c WHERE c.device = d.number AND c.revoked_at IS NULL
                  AND (c.expires_at IS NULL OR c.expires_at > %(now)s))
ORDER BY d.id LIMIT %(limit)s;

-- name: credentials_copy
COPY sensing.credential (id, device, kind, hash, issued_at, issued_by) FROM STDIN (FORMAT csv);

-- name: credentials_live
-- All live credentials of everybody who knocks, at once.
SELECT d.id AS device, d.product, c.id, c.hash, c.expires_at
FROM sensing.device d JOIN sensing.credential c ON c.device = d.number
WHERE d.id = ANY(%(devices)s) AND d.standing IN ('active', 'quarantined') AND c.kind = 'token'
  AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > %(now)s);

-- name: certificates_known
-- Certificates that were shown, in whatever state they are.
SELECT d.id AS device, d.product, c.id, c.hash, c.expires_at,
       d.standing IN ('active', 'quarantined') AND c.revoked_at IS NULL
       AND (c.expires_at IS NULL OR c.expires_at > %(now)s) AS live
FROM sensing.credential c JOIN sensing.device d ON d.number = c.device
WHERE c.hash = ANY(%(hashes)s) AND c.kind = 'certificate';

-- name: certificates_meet
-- Two gates may meet one certificate at once: the second finds it when the client tries again.
WITH met AS (
    INSERT INTO sensing.credential (id, device, kind, hash, issued_at, expires_at)
    SELECT t.id, d.number, 'certificate', t.hash, %(now)s, t.ends
    FROM unnest(%(ids)s::uuid[], %(devices)s::text[], %(hashes)s::bytea[], %(ends)s::timestamptz[])
         AS t (id, device, hash, ends)
    JOIN sensing.device d ON d.id = t.device
    WHERE d.standing IN ('active', 'quarantined') AND t.ends > %(now)s
      AND (SELECT count(*) FROM sensing.credential c WHERE c.device = d.number AND c.revoked_at IS NULL
           AND (c.expires_at IS NULL OR c.expires_at > %(now)s)) < %(limit)s
    ON CONFLICT (hash) DO NOTHING
    RETURNING id, device, hash, expires_at)
SELECT d.id AS device, d.product, met.id, met.hash, met.expires_at, true AS live
FROM met JOIN sensing.device d ON d.number = met.device;

-- name: certificate_of
SELECT c.id, d.id AS device, c.revoked_at FROM sensing.credential c JOIN sensing.device d ON d.number = c.device
WHERE c.hash = %(hash)s AND c.kind = 'certificate';

-- name: certificates_forget
-- What is over is refused by TLS; who renews certificates each day must not fill the table.
DELETE FROM sensing.credential WHERE kind = 'certificate' AND expires_at < %(before)s;

-- name: credentials_used
-- Not at every connection of a device that connects all the time.
UPDATE sensing.credential SET last_used_at = %(now)s
WHERE id = ANY(%(ids)s) AND (last_used_at IS NULL OR last_used_at < %(now)s - interval '1 minute');
