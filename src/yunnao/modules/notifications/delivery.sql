-- name: gather_lock
-- One worker at a time makes digests; the others go on with what they have.
SELECT pg_try_advisory_xact_lock(7201080) AS mine;

-- name: digests_due
SELECT account, channel, language, min(next_attempt_at) AS due FROM notifications.message
WHERE state = 'gathering' AND next_attempt_at <= %(now)s
GROUP BY account, channel, language LIMIT %(limit)s;

-- name: gather
-- What waited is told by its digest.
UPDATE notifications.message m SET state = 'gathered', digest = d.id
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(channels)s::text[], %(languages)s::text[])
    AS d (id, account, channel, language)
WHERE m.state = 'gathering' AND m.next_attempt_at <= %(now)s
  AND m.account = d.account AND m.channel = d.channel AND m.language = d.language;

-- name: digest_notices
INSERT INTO notifications.notice (id, key, template, params, recipients, urgent, made_at, addressed_at)
SELECT id, key, 'digest', '{}', '{}', false, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(keys)s::text[]) AS n (id, key);

-- name: claim
-- What is due, leased to one worker: until the lease ends it is not due for anybody. A worker that died
-- leaves its lease to run out, and the message goes again under the same id.
WITH due AS (
    SELECT id FROM notifications.message
    WHERE state = 'waiting' AND next_attempt_at <= %(now)s
    ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE notifications.message m
SET lease = %(lease)s, next_attempt_at = %(leased_until)s, attempts = m.attempts + 1
FROM due WHERE m.id = due.id RETURNING m.id;

-- name: claimed
-- The content, and the address of now rather than that of when it was made.
SELECT m.id, m.channel, m.account, m.language, m.attempts, m.made_at, n.template, n.params, n.subject, n.urgent,
    CASE m.channel
        WHEN 'email' THEN coalesce(m.address, p.email)
        WHEN 'sms' THEN coalesce(m.address, p.phone)
        ELSE p.webhook_url
    END AS address,
    p.webhook_secret, p.quiet_from, p.quiet_until
FROM notifications.message m JOIN notifications.notice n ON n.id = m.notice_id
LEFT JOIN notifications.preference p ON p.account = m.account
WHERE m.id = ANY(%(ids)s) ORDER BY m.id;

-- name: digest_items
-- The newest of each digest up to a limit, and how many there are.
SELECT digest, template, params, total FROM (
    SELECT m.digest, n.template, n.params, m.id, count(*) OVER (PARTITION BY m.digest) AS total,
        row_number() OVER (PARTITION BY m.digest ORDER BY m.id DESC) AS place
    FROM notifications.message m JOIN notifications.notice n ON n.id = m.notice_id
    WHERE m.digest = ANY(%(digests)s)
) AS told WHERE place <= %(limit)s ORDER BY digest, id;

-- name: postpone
-- Within quiet hours: not an attempt.
UPDATE notifications.message m SET lease = NULL, attempts = m.attempts - 1, next_attempt_at = q.at
FROM unnest(%(ids)s::uuid[], %(ats)s::timestamptz[]) AS q (id, at)
WHERE m.id = q.id AND m.lease = %(lease)s;

-- name: settle_sent
-- Only by the worker whose lease it still is. The address of whoever has no account is not needed any more.
UPDATE notifications.message SET state = 'sent', sent_at = %(now)s, lease = NULL, address = NULL, error = NULL
WHERE id = ANY(%(ids)s::uuid[]) AND lease = %(lease)s AND state = 'waiting';

-- name: settle_failed
UPDATE notifications.message m
SET lease = NULL, error = f.error, next_attempt_at = f.next,
    state = CASE WHEN f.final OR m.made_at < %(patience_from)s THEN 'dead' ELSE 'waiting' END
FROM unnest(%(ids)s::uuid[], %(errors)s::text[], %(next)s::timestamptz[], %(final)s::boolean[])
    AS f (id, error, next, final)
WHERE m.id = f.id AND m.lease = %(lease)s AND m.state = 'waiting'
RETURNING m.id, m.channel, m.state;
