-- name: claim
-- Subscriptions with something to send, leased to one worker; those that another holds are passed by.
-- A worker that died leaves its lease to run out, and the same parcel is sent again under the same id.
WITH due AS (
    SELECT u.number FROM sensing.subscription u JOIN sensing.share s ON s.number = u.share
    WHERE u.channel <> 'events' AND u.ended_at IS NULL AND u.parked_at IS NULL
      AND u.next_attempt_at <= %(now)s AND (u.leased_until IS NULL OR u.leased_until <= %(now)s)
      AND s.state = 'granted' AND s.valid_until > %(now)s
      AND EXISTS (SELECT FROM sensing.delivery d WHERE d.subscription = u.number)
    ORDER BY u.next_attempt_at LIMIT %(limit)s
    FOR UPDATE OF u SKIP LOCKED)
UPDATE sensing.subscription u SET lease = %(lease)s, leased_until = %(leased_until)s
FROM due WHERE u.number = due.number
RETURNING u.number, u.id, u.channel, u.url, u.secret, u.failures, u.failing_since, u.name;

-- name: lock_subscriptions
-- Numbering needs the row: two who number at once would give one number to two parcels.
SELECT number FROM sensing.subscription WHERE number = ANY(%(subscriptions)s) ORDER BY number FOR UPDATE;

-- name: seal
-- The next parcel of each subscription: the oldest rows up to a limit of readings. Once numbered a parcel
-- never changes, so its id names the same readings at every attempt. `several`: also while one waits.
WITH open AS (
    SELECT u.number, u.sealed FROM sensing.subscription u
    WHERE u.number = ANY(%(subscriptions)s)
      AND (%(several)s OR NOT EXISTS (
          SELECT FROM sensing.delivery d WHERE d.subscription = u.number AND d.parcel IS NOT NULL))
), chosen AS (
    SELECT o.number AS subscription, o.sealed + 1 AS parcel, d.number
    FROM open o CROSS JOIN LATERAL (
        SELECT w.number, sum(w.readings) OVER (ORDER BY w.number) AS upto, row_number() OVER (ORDER BY w.number) AS place
        FROM (SELECT number, readings FROM sensing.delivery
              WHERE subscription = o.number AND parcel IS NULL ORDER BY number LIMIT %(rows_max)s) AS w
    ) AS d
    WHERE d.place = 1 OR d.upto <= %(readings_max)s
), marked AS (
    UPDATE sensing.delivery d SET parcel = c.parcel FROM chosen c WHERE d.number = c.number
)
UPDATE sensing.subscription u SET sealed = c.parcel
FROM (SELECT DISTINCT subscription, parcel FROM chosen) AS c WHERE u.number = c.subscription
RETURNING u.number;

-- name: heads
-- The oldest numbered parcel of each subscription, its rows in order.
SELECT d.subscription, d.parcel, d.readings, d.content, d.texts, d.gap_from, d.gap_to
FROM sensing.delivery d
JOIN (SELECT subscription, min(parcel) AS parcel FROM sensing.delivery
      WHERE subscription = ANY(%(subscriptions)s) AND parcel > %(after)s GROUP BY subscription) AS head
    USING (subscription, parcel)
ORDER BY d.subscription, d.number;

-- name: labels
-- What the readings are of.
SELECT e.series, e.metric, d.id AS device, d.name, d.product, d.entity, d.lon, d.lat,
       p.spec -> 'metrics' -> e.metric AS spec
FROM sensing.series e JOIN sensing.device d ON d.number = e.device JOIN sensing.product p USING (product)
WHERE e.series = ANY(%(series)s);

-- name: settle_delivered
-- Only by the worker whose lease it still is: another may be sending the same parcel by now.
WITH done AS (
    UPDATE sensing.subscription u SET lease = NULL, leased_until = NULL, failures = 0, failing_since = NULL,
        next_attempt_at = %(now)s, delivered = u.delivered + t.readings, delivered_at = %(now)s
    FROM unnest(%(subscriptions)s::int[], %(parcels)s::bigint[], %(readings)s::bigint[]) AS t (number, parcel, readings)
    WHERE u.number = t.number AND u.lease = %(lease)s
    RETURNING u.number, t.parcel)
DELETE FROM sensing.delivery d USING done WHERE d.subscription = done.number AND d.parcel = done.parcel;

-- name: settle_failed
UPDATE sensing.subscription u SET lease = NULL, leased_until = NULL, failures = u.failures + 1,
    failing_since = coalesce(u.failing_since, %(now)s), next_attempt_at = t.next_at, last_error = t.error,
    last_error_at = %(now)s,
    parked_at = CASE WHEN t.park OR coalesce(u.failing_since, %(now)s) <= %(patience_from)s THEN %(now)s END
FROM unnest(%(subscriptions)s::int[], %(errors)s::text[], %(next)s::timestamptz[], %(park)s::boolean[])
     AS t (number, error, next_at, park)
WHERE u.number = t.number AND u.lease = %(lease)s
RETURNING u.id, u.name, u.parked_at, u.last_error;

-- name: fill
-- Subscriptions whose backlog has reached its limit: from here on readings are counted as missed.
UPDATE sensing.subscription u SET full_since = %(now)s
WHERE u.ended_at IS NULL AND u.full_since IS NULL AND u.channel <> 'events'
  AND (SELECT coalesce(sum(d.readings), 0) FROM sensing.delivery d WHERE d.subscription = u.number) >= %(readings_max)s
RETURNING u.id, u.name;

-- name: empty
-- Half empty again: the gap is told in its place, and readings are kept again.
WITH freed AS (
    UPDATE sensing.subscription u SET full_since = NULL
    FROM (SELECT number, full_since FROM sensing.subscription
          WHERE full_since IS NOT NULL AND ended_at IS NULL FOR UPDATE SKIP LOCKED) AS was
    WHERE u.number = was.number
      AND (SELECT coalesce(sum(d.readings), 0) FROM sensing.delivery d WHERE d.subscription = u.number) <= %(readings_max)s / 2
    RETURNING u.number, was.full_since)
INSERT INTO sensing.delivery (subscription, created_at, readings, content, gap_from, gap_to)
SELECT number, %(now)s, 0, ''::bytea, full_since, %(gap_to)s FROM freed
RETURNING subscription;

-- name: events_open
SELECT u.number FROM sensing.subscription u
WHERE u.channel = 'events' AND u.ended_at IS NULL
  AND EXISTS (SELECT FROM sensing.delivery d WHERE d.subscription = u.number AND d.parcel IS NULL);

-- name: events_prune
-- A stream of events is kept for a time and up to a size; whoever comes later is told of the gap.
DELETE FROM sensing.delivery d USING (
    SELECT d.number, d.created_at, sum(d.readings) OVER (PARTITION BY d.subscription ORDER BY d.number DESC) AS newer
    FROM sensing.delivery d JOIN sensing.subscription u ON u.number = d.subscription
    WHERE u.channel = 'events' AND d.parcel IS NOT NULL
) AS kept
WHERE d.number = kept.number AND (kept.created_at < %(before)s OR kept.newer > %(readings_max)s);

-- name: expired
-- Granted shares that are over: their subscriptions end with them.
SELECT DISTINCT s.number FROM sensing.share s JOIN sensing.subscription u ON u.share = s.number
WHERE u.ended_at IS NULL AND (s.state <> 'granted' OR s.valid_until <= %(now)s);

-- name: stream_of
-- What a stream of events needs to know each time it looks.
SELECT u.number, u.sealed, u.ended_at IS NULL AND s.state = 'granted' AND s.valid_until > %(now)s AS valid
FROM sensing.subscription u JOIN sensing.share s ON s.number = u.share WHERE u.id = %(id)s;
