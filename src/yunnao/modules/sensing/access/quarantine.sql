-- name: page
-- Newest entries first; ids grow with time. `q` is matched as plain text.
SELECT q.id, q.product, q.device, q.reason, q.state, q.first_seen, q.last_seen, q.messages, q.codes, q.sample,
       q.decided_at, d.name, d.standing, d.owner
FROM sensing.quarantine q LEFT JOIN sensing.device d ON d.id = q.device AND d.product = q.product
WHERE (%(state)s::text IS NULL OR q.state = %(state)s) AND (%(reason)s::text IS NULL OR q.reason = %(reason)s)
  AND (%(product)s::text IS NULL OR q.product = %(product)s)
  AND (%(q)s::text IS NULL OR q.device ILIKE %(q)s)
  AND (%(before)s::uuid IS NULL OR q.id < %(before)s)
ORDER BY q.id DESC LIMIT %(limit)s;

-- name: totals
-- Bounded by the rows that the quarantine may hold.
SELECT state, reason, count(*) AS n FROM sensing.quarantine GROUP BY state, reason ORDER BY state, reason;

-- name: entries_lock
-- What is decided on together, in order, with the registered device behind each.
SELECT q.id, q.product, q.device, q.state, q.reason, d.number, d.standing
FROM sensing.quarantine q LEFT JOIN sensing.device d ON d.id = q.device AND d.product = q.product
WHERE q.id = ANY(%(ids)s) ORDER BY q.device, q.product FOR UPDATE OF q;

-- name: entries_decide
UPDATE sensing.quarantine SET state = %(state)s, decided_at = %(now)s, decided_by = %(by)s
WHERE id = ANY(%(ids)s);

-- name: devices_stand
UPDATE sensing.device SET standing = %(standing)s, changed = %(changed)s
WHERE number = ANY(%(numbers)s) AND standing <> 'retired';

-- name: offences_forget
DELETE FROM sensing.offence WHERE device = ANY(%(numbers)s);
