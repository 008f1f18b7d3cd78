-- name: catalogue
-- Metadata only. Core devices are shown to their own department and to stewards of the city alone; the
-- limit is on the devices' own order, so a page costs a page.
SELECT d.id, d.name, d.product, p.spec -> 'label' AS product_label, p.spec -> 'metrics' AS metrics, d.owner,
       d.district, coalesce(p.spec ->> 'grade', 'general') AS grade, d.lon, d.lat,
       CASE WHEN d.owner IS NULL THEN 'open'
            WHEN d.owner = %(department)s THEN 'own'
            ELSE coalesce((
                SELECT CASE WHEN bool_or(s.state = 'granted') THEN 'granted' ELSE 'asked' END
                FROM sensing.share s
                WHERE s.department = %(department)s AND s.owner = d.owner
                  AND (s.state = 'asked' OR s.state = 'granted' AND s.valid_until > %(now)s)
                  AND (s.product = d.product AND (s.area IS NULL OR s.area IN (d.district, d.street))
                       OR EXISTS (SELECT FROM sensing.share_device sd WHERE sd.share = s.number AND sd.device = d.number))
                HAVING count(*) > 0), 'none') END AS access
FROM sensing.device d JOIN sensing.product p USING (product)
WHERE d.standing <> 'retired'
  AND (coalesce(p.spec ->> 'grade', 'general') <> 'core' OR d.owner = %(department)s OR %(sees_core)s)
  AND (%(product)s::text IS NULL OR d.product = %(product)s)
  AND (%(area)s::text IS NULL OR d.district = %(area)s OR d.street = %(area)s)
  AND (%(owner)s::text IS NULL OR d.owner = %(owner)s)
  AND (%(q)s::text IS NULL OR d.id ILIKE %(q)s OR d.name ->> 'zh' ILIKE %(q)s OR d.name ->> 'en' ILIKE %(q)s
       OR p.spec -> 'label' ->> 'zh' ILIKE %(q)s OR p.spec -> 'label' ->> 'en' ILIKE %(q)s)
  AND (%(after)s::text IS NULL OR d.id > %(after)s)
ORDER BY d.id LIMIT %(limit)s;

-- name: devices_asked
SELECT d.number, d.id, d.owner, coalesce(p.spec ->> 'grade', 'general') AS grade
FROM sensing.device d JOIN sensing.product p USING (product) WHERE d.id = ANY(%(ids)s);

-- name: product_grade
SELECT coalesce(spec ->> 'grade', 'general') AS grade FROM sensing.product WHERE product = %(product)s;

-- name: share_insert
INSERT INTO sensing.share (id, department, owner, product, area, metrics, grade, purpose, state, asked_at,
                           asked_by, valid_until)
VALUES (%(id)s, %(department)s, %(owner)s, %(product)s, %(area)s, %(metrics)s, %(grade)s, %(purpose)s, 'asked',
        %(now)s, %(by)s, %(until)s)
RETURNING number;

-- name: share_devices_insert
INSERT INTO sensing.share_device (share, device) SELECT %(share)s, unnest(%(devices)s::int[]);

-- name: shares
-- Newest first; ids grow with time. A reader sees what its department asked for and what it is asked for.
SELECT s.*, s.state = 'granted' AND s.valid_until > %(now)s AS valid, p.spec -> 'label' AS product_label,
       ARRAY(SELECT d.id FROM sensing.share_device sd JOIN sensing.device d ON d.number = sd.device
             WHERE sd.share = s.number ORDER BY d.id) AS devices,
       ARRAY(SELECT d.name FROM sensing.share_device sd JOIN sensing.device d ON d.number = sd.device
             WHERE sd.share = s.number ORDER BY d.id LIMIT %(names)s) AS names
FROM sensing.share s LEFT JOIN sensing.product p ON p.product = s.product
WHERE (%(id)s::uuid IS NULL OR s.id = %(id)s)
  AND (%(everything)s OR s.department = %(department)s OR s.owner = %(department)s)
  AND (%(side)s::text IS NULL OR %(side)s = 'asking' AND s.department = %(department)s
       OR %(side)s = 'owning' AND (%(everything)s OR s.owner = %(department)s))
  AND (%(state)s::text IS NULL OR s.state = %(state)s)
  AND (%(before)s::uuid IS NULL OR s.id < %(before)s)
ORDER BY s.id DESC LIMIT %(limit)s;

-- name: share_decide
-- The condition on the state makes two decisions at once one.
UPDATE sensing.share SET state = %(state)s, decided_at = %(now)s, decided_by = %(by)s, reason = %(reason)s,
    valid_until = least(valid_until, coalesce(%(until)s, valid_until))
WHERE id = %(id)s AND state = ANY(%(from)s) RETURNING number;

-- name: sharing_bump
-- Every ingest worker looks again; the lock on the one row puts changes in order of commit.
UPDATE sensing.sharing SET version = version + 1;

-- name: subscriptions_end
-- With their share; what waits is dropped, since the right to it is gone.
WITH ended AS (
    UPDATE sensing.subscription SET ended_at = %(now)s, lease = NULL, leased_until = NULL
    WHERE share = %(share)s AND ended_at IS NULL RETURNING number)
DELETE FROM sensing.delivery WHERE subscription IN (SELECT number FROM ended);

-- name: device_uses
SELECT s.id AS share, s.department, s.purpose, s.valid_until,
       (SELECT count(*)::int FROM sensing.subscription u WHERE u.share = s.number AND u.ended_at IS NULL) AS subscriptions
FROM sensing.device d JOIN sensing.share s ON s.owner IS NOT DISTINCT FROM d.owner
WHERE d.id = %(device)s AND s.state = 'granted' AND s.valid_until > %(now)s
  AND (s.product = d.product AND (s.area IS NULL OR s.area IN (d.district, d.street))
       OR EXISTS (SELECT FROM sensing.share_device sd WHERE sd.share = s.number AND sd.device = d.number))
ORDER BY s.id LIMIT %(limit)s;

-- name: subscription_insert
INSERT INTO sensing.subscription (id, share, name, channel, url, secret, metrics, mode, interval_s, change_min,
                                  made_at, made_by, next_attempt_at)
VALUES (%(id)s, %(share)s, %(name)s, %(channel)s, %(url)s, %(secret)s, %(metrics)s, %(mode)s, %(interval_s)s,
        %(change_min)s, %(now)s, %(by)s, %(now)s);

-- name: subscriptions_count
SELECT count(*) AS n FROM sensing.subscription u JOIN sensing.share s ON s.number = u.share
WHERE s.department = %(department)s AND u.ended_at IS NULL;

-- name: subscriptions
-- The backlog is summed beside each row of the page: subscriptions are few, and their rows lie together.
SELECT u.*, s.id AS share_id, s.department, s.state = 'granted' AND s.valid_until > %(now)s AS valid,
       CASE WHEN u.ended_at IS NOT NULL THEN 'ended' WHEN u.full_since IS NOT NULL THEN 'full'
            WHEN u.parked_at IS NOT NULL THEN 'parked' ELSE 'active' END AS state,
       waiting.readings AS backlog, waiting.oldest_at
FROM sensing.subscription u
JOIN sensing.share s ON s.number = u.share
CROSS JOIN LATERAL (
    SELECT coalesce(sum(d.readings), 0)::bigint AS readings, min(d.created_at) AS oldest_at
    FROM sensing.delivery d WHERE d.subscription = u.number) AS waiting
WHERE (%(id)s::uuid IS NULL OR u.id = %(id)s)
  AND (%(share)s::uuid IS NULL OR s.id = %(share)s)
  AND (%(everything)s OR s.department = %(department)s)
  AND (%(before)s::uuid IS NULL OR u.id < %(before)s)
ORDER BY u.id DESC LIMIT %(limit)s;

-- name: subscription_change
UPDATE sensing.subscription SET name = coalesce(%(name)s, name), url = coalesce(%(url)s, url) WHERE id = %(id)s;

-- name: subscription_secret
UPDATE sensing.subscription SET secret = %(secret)s WHERE id = %(id)s;

-- name: subscription_end
WITH ended AS (
    UPDATE sensing.subscription SET ended_at = coalesce(ended_at, %(now)s), lease = NULL, leased_until = NULL
    WHERE id = %(id)s RETURNING number)
DELETE FROM sensing.delivery WHERE subscription IN (SELECT number FROM ended);

-- name: subscription_resume
-- Sending begins anew, from the oldest that waits. What was missed while full is told in its place.
WITH resumed AS (
    UPDATE sensing.subscription u SET parked_at = NULL, full_since = NULL, failures = 0, failing_since = NULL,
        next_attempt_at = %(now)s
    FROM (SELECT number, full_since FROM sensing.subscription WHERE id = %(id)s FOR UPDATE) AS was
    WHERE u.number = was.number AND u.ended_at IS NULL
    RETURNING u.number, was.full_since)
INSERT INTO sensing.delivery (subscription, created_at, readings, content, gap_from, gap_to)
SELECT number, %(now)s, 0, ''::bytea, full_since, %(now)s FROM resumed WHERE full_since IS NOT NULL;

-- name: waiting_parcels
-- Numbered ones first: they are on their way.
SELECT parcel, sum(readings)::int AS readings, min(created_at) AS created_at
FROM sensing.delivery WHERE subscription = %(subscription)s
GROUP BY parcel ORDER BY parcel NULLS LAST LIMIT %(limit)s;

-- name: subscribers
-- The Datastreams of one to Observations are found as the intake finds them, so that nobody may listen
-- to more than is shared.
SELECT u.id, u.secret, s.valid_until, CASE WHEN u.channel = 'sensorthings' THEN ARRAY(
    SELECT e.series FROM sensing.device d JOIN sensing.series e ON e.device = d.number
    WHERE d.owner IS NOT DISTINCT FROM s.owner
      AND (s.product = d.product AND (s.area IS NULL OR s.area IN (d.district, d.street))
           OR d.number IN (SELECT sd.device FROM sensing.share_device sd WHERE sd.share = s.number))
      AND (s.metrics IS NULL OR e.metric = ANY(s.metrics)) AND (u.metrics IS NULL OR e.metric = ANY(u.metrics))
    ORDER BY e.series LIMIT %(limit)s) END AS series
FROM sensing.subscription u JOIN sensing.share s ON s.number = u.share
WHERE u.id = ANY(%(ids)s) AND u.channel IN ('mqtt', 'sensorthings') AND u.ended_at IS NULL AND s.state = 'granted'
  AND s.valid_until > %(now)s;

-- name: subscriptions_connected
-- Of one subscription or one share those by which somebody may be connected.
SELECT u.id FROM sensing.subscription u
WHERE (u.id = %(id)s::uuid OR u.share = %(share)s::int) AND u.channel IN ('mqtt', 'sensorthings')
  AND u.ended_at IS NULL;
