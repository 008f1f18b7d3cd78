-- name: device
SELECT d.number, d.id, d.product, d.owner, p.spec FROM sensing.device d JOIN sensing.product p USING (product)
WHERE d.id = ANY(%(ids)s) ORDER BY d.id;

-- name: commands_insert
INSERT INTO sensing.command (id, device, command, parameters, grade, state, requested_at, requested_by, expires_at,
                             timeout_s, sends_max, next_send_at)
SELECT t.id, t.device, %(command)s, %(parameters)s, %(grade)s, %(state)s, %(now)s, %(by)s, %(expires_at)s,
       %(timeout_s)s, %(sends_max)s, %(next_send_at)s
FROM unnest(%(ids)s::uuid[], %(devices)s::int[]) AS t (id, device);

-- name: commands
-- Newest first; ids grow with time. A command that left the product has no label.
SELECT c.*, d.id AS device_id, d.name AS device_name, d.product, d.owner,
       p.spec -> 'commands' -> c.command -> 'label' AS command_label
FROM sensing.command c JOIN sensing.device d ON d.number = c.device JOIN sensing.product p USING (product)
WHERE (NOT %(waiting)s OR c.state = 'awaiting_approval' AND c.expires_at > %(now)s)
  AND (%(ids)s::uuid[] IS NULL OR c.id = ANY(%(ids)s)) AND (%(device)s::text IS NULL OR d.id = %(device)s)
  AND (%(before)s::uuid IS NULL OR c.id < %(before)s)
ORDER BY c.id DESC LIMIT %(limit)s;

-- name: command_release
UPDATE sensing.command SET state = 'requested', approved_at = %(now)s, approved_by = %(by)s, next_send_at = %(now)s
WHERE id = %(id)s AND state = 'awaiting_approval' AND expires_at > %(now)s RETURNING id;

-- name: command_cancel
-- One that was sent may be carried out all the same; its answer then says so.
UPDATE sensing.command SET state = 'cancelled', ended_at = %(now)s, next_send_at = NULL
WHERE id = %(id)s AND ended_at IS NULL RETURNING id;

-- name: due
-- Locked until they are marked as sent; other workers pass them by.
SELECT c.id, c.command, c.parameters, c.expires_at, c.timeout_s, c.sends, d.id AS device, d.product
FROM sensing.command c JOIN sensing.device d ON d.number = c.device
WHERE c.next_send_at <= %(now)s AND c.ended_at IS NULL AND c.expires_at > %(now)s
  AND (c.sends_max IS NULL OR c.sends < c.sends_max)
ORDER BY c.next_send_at LIMIT %(limit)s
FOR UPDATE OF c SKIP LOCKED;

-- name: mark_sent
UPDATE sensing.command c SET sends = c.sends + 1, next_send_at = t.next_at,
    state = CASE WHEN c.state = 'requested' THEN 'sent' ELSE c.state END
FROM unnest(%(ids)s::uuid[], %(next)s::timestamptz[]) AS t (id, next_at) WHERE c.id = t.id;

-- name: end_overdue
UPDATE sensing.command c SET ended_at = %(now)s, next_send_at = NULL,
    state = CASE WHEN c.expires_at <= %(now)s THEN 'expired' ELSE 'timed_out' END
FROM sensing.device d
WHERE d.number = c.device AND c.ended_at IS NULL
  AND (c.expires_at <= %(now)s OR c.state = 'sent' AND c.next_send_at <= %(now)s AND c.sends >= c.sends_max)
RETURNING c.id, c.command, c.state, d.id AS device;

-- name: answers_apply
-- Only of the device that the command is for. What a device says of a command that is over by our clock
-- counts all the same: it was carried out. Done and failed are final.
UPDATE sensing.command c SET
    state = t.status, next_send_at = NULL, accepted_at = coalesce(c.accepted_at, %(now)s),
    ended_at = CASE WHEN t.status = 'accepted' THEN NULL ELSE %(now)s END, result = coalesce(t.result, c.result)
FROM unnest(%(ids)s::uuid[], %(products)s::text[], %(devices)s::text[], %(statuses)s::text[], %(results)s::jsonb[])
         AS t (id, product, device, status, result)
JOIN sensing.device d ON d.id = t.device AND d.product = t.product
WHERE c.id = t.id AND c.device = d.number AND c.state NOT IN ('done', 'failed')
  AND (t.status <> 'accepted' OR c.ended_at IS NULL)
RETURNING c.id, c.command, c.state, d.id AS device;

-- name: reported_apply
-- Names reported are merged into what is known; the version grows with each message that says something.
INSERT INTO sensing.device_state (device, reported, reported_version, reported_at)
SELECT d.number, t.reported, 1, %(now)s
FROM unnest(%(products)s::text[], %(devices)s::text[], %(reported)s::jsonb[]) AS t (product, device, reported)
JOIN sensing.device d ON d.id = t.device AND d.product = t.product
ORDER BY d.number
ON CONFLICT (device) DO UPDATE SET reported = device_state.reported || excluded.reported,
    reported_version = device_state.reported_version + 1, reported_at = excluded.reported_at;

-- name: desired_merge
INSERT INTO sensing.device_state (device, desired, desired_version, desired_at)
SELECT unnest(%(devices)s::int[]), %(desired)s, 1, %(now)s
ON CONFLICT (device) DO UPDATE SET desired = device_state.desired || excluded.desired,
    desired_version = device_state.desired_version + 1, desired_at = excluded.desired_at;

-- name: desired_replace
-- Nothing comes back where the version is not the one expected.
INSERT INTO sensing.device_state AS s (device, desired, desired_version, desired_at)
SELECT %(device)s, %(desired)s, 1, %(now)s
ON CONFLICT (device) DO UPDATE SET desired = excluded.desired, desired_version = s.desired_version + 1,
    desired_at = excluded.desired_at
WHERE %(version)s::bigint IS NULL OR s.desired_version = %(version)s
RETURNING desired_version;

-- name: state
SELECT s.* FROM sensing.device_state s JOIN sensing.device d ON d.number = s.device WHERE d.id = %(device)s;

-- name: notify
SELECT pg_notify('command', '');
