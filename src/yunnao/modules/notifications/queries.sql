-- name: notices_insert
-- In the caller's transaction: a notice and its cause are kept together or not at all. The bell rings at
-- the commit.
WITH made AS (
    INSERT INTO notifications.notice (id, key, template, params, recipients, urgent, subject, made_at)
    SELECT id, key, template, params, recipients, urgent, subject, %(now)s
    FROM unnest(%(ids)s::uuid[], %(keys)s::text[], %(templates)s::text[], %(params)s::jsonb[],
                %(recipients)s::jsonb[], %(urgent)s::boolean[], %(subjects)s::text[])
        AS n (id, key, template, params, recipients, urgent, subject)
)
SELECT pg_notify('notice', '');

-- name: notices_to_address
-- Workers pass each other's notices by.
SELECT id, key, template, params, recipients, urgent, subject, made_at FROM notifications.notice
WHERE addressed_at IS NULL ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: notices_addressed
UPDATE notifications.notice SET addressed_at = %(now)s, recipients = '{}' WHERE id = ANY(%(ids)s);

-- name: messages_insert
-- The unique key is what makes everything once: a notice sent again, by whomever, adds nothing.
INSERT INTO notifications.message (id, notice_id, key, recipient, channel, account, address, language, state,
    made_at, next_attempt_at, sent_at)
SELECT id, notice_id, key, recipient, channel, account, address, language, state, %(now)s, next_attempt_at,
    CASE WHEN state = 'sent' THEN %(now)s::timestamptz END
FROM unnest(%(ids)s::uuid[], %(notices)s::uuid[], %(keys)s::text[], %(recipients)s::text[],
            %(channels)s::text[], %(accounts)s::uuid[], %(addresses)s::text[], %(languages)s::text[],
            %(states)s::text[], %(due)s::timestamptz[])
    AS m (id, notice_id, key, recipient, channel, account, address, language, state, next_attempt_at)
ON CONFLICT (key, recipient, channel) DO NOTHING
RETURNING notice_id, account, channel;

-- name: preferences
SELECT account, language, email, phone, webhook_url, webhook_secret, channels, digest, digest_at, quiet_from,
    quiet_until
FROM notifications.preference WHERE account = ANY(%(accounts)s);

-- name: preference_upsert
INSERT INTO notifications.preference (account, language, email, phone, webhook_url, webhook_secret, channels,
    digest, digest_at, quiet_from, quiet_until, changed_at)
VALUES (%(account)s, %(language)s, %(email)s, %(phone)s, %(webhook_url)s, %(webhook_secret)s, %(channels)s,
    %(digest)s, %(digest_at)s, %(quiet_from)s, %(quiet_until)s, %(now)s)
ON CONFLICT (account) DO UPDATE SET language = excluded.language, email = excluded.email,
    phone = excluded.phone, webhook_url = excluded.webhook_url, webhook_secret = excluded.webhook_secret,
    channels = excluded.channels, digest = excluded.digest, digest_at = excluded.digest_at,
    quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, changed_at = excluded.changed_at;

-- name: inbox
-- Newest first, by the index of the account.
SELECT m.id, n.template, n.params, n.subject, n.urgent, m.made_at, m.read_at
FROM notifications.message m JOIN notifications.notice n ON n.id = m.notice_id
WHERE m.channel = 'in_app' AND m.account = %(account)s
  AND (NOT %(unread)s OR m.read_at IS NULL) AND (%(before)s::uuid IS NULL OR m.id < %(before)s::uuid)
ORDER BY m.id DESC LIMIT %(limit)s;

-- name: unread
-- Counted up to a limit: a bell shows no larger number.
SELECT count(*) AS unread FROM (
    SELECT FROM notifications.message
    WHERE channel = 'in_app' AND account = %(account)s AND read_at IS NULL LIMIT %(limit)s
) AS seen;

-- name: read
-- Only the reader's own. No ids: everything.
UPDATE notifications.message SET read_at = %(now)s
WHERE channel = 'in_app' AND account = %(account)s AND read_at IS NULL
  AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]));

-- name: undelivered
SELECT m.id, n.template, m.channel, m.account, m.error, m.attempts, m.made_at
FROM notifications.message m JOIN notifications.notice n ON n.id = m.notice_id
WHERE m.state = 'dead' AND (%(before)s::uuid IS NULL OR m.id < %(before)s::uuid)
ORDER BY m.id DESC LIMIT %(limit)s;

-- name: resend
-- Under its old id, so whoever got it after all knows it.
UPDATE notifications.message SET state = 'waiting', attempts = 0, error = NULL, made_at = %(now)s,
    next_attempt_at = %(now)s
WHERE id = %(id)s AND state = 'dead' RETURNING id;

-- name: prune
-- In parts, each a short statement; messages go with their notice.
DELETE FROM notifications.notice WHERE id IN (
    SELECT id FROM notifications.notice WHERE made_at < %(before)s LIMIT %(limit)s
);
