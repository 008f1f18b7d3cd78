-- Open311's own rows beside the cases.

-- name: requests
-- GeoReport v2, GET requests: by numbers, or by a window of opening or changing times, newest first. The
-- window is on an index; `auto` asks for cases that have no category yet.
SELECT c.id, c.number, c.title, c.text, c.status, c.source, c.category, c.department, c.district, c.street,
    c.address, c.lon, c.lat, c.opened_at, c.due_at, c.closed_at, c.changed_at, c.scene, c.reporter_id, c.fields,
    r.address_id, r.media_url
FROM cases."case" c LEFT JOIN cases.open311_request r ON r.case_id = c.id
WHERE (%(numbers)s::text[] IS NULL OR c.number = ANY(%(numbers)s::text[]))
  AND (%(start)s::timestamptz IS NULL OR c.opened_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR c.opened_at <= %(end)s::timestamptz)
  AND (%(changed_start)s::timestamptz IS NULL OR c.changed_at >= %(changed_start)s::timestamptz)
  AND (%(changed_end)s::timestamptz IS NULL OR c.changed_at <= %(changed_end)s::timestamptz)
  AND (%(status)s::text[] IS NULL OR c.status = ANY(%(status)s::text[]))
  AND (%(categories)s::text[] IS NULL OR c.category = ANY(%(categories)s::text[])
       OR (%(uncategorised)s::boolean AND c.category IS NULL))
ORDER BY c.opened_at DESC, c.id DESC OFFSET %(offset)s LIMIT %(limit)s;

-- name: notes
-- What happened to each of some cases, as far as it is anybody's to know.
SELECT case_id, time, event FROM cases.timeline
WHERE case_id = ANY(%(ids)s::uuid[]) AND NOT event = ANY(%(hidden)s::text[]) ORDER BY id LIMIT %(limit)s;

-- name: request_insert
INSERT INTO cases.open311_request (case_id, address_id, media_url)
VALUES (%(case_id)s, %(address_id)s, %(media_url)s);

-- name: token_insert
INSERT INTO cases.open311_token (token_hash, sender, request, created_at)
VALUES (%(token_hash)s, %(sender)s, %(request)s, %(now)s);

-- name: token_get
SELECT number, error, answered_at FROM cases.open311_token WHERE token_hash = %(token_hash)s;

-- name: tokens_waiting
-- The oldest first. Several workers take different rows.
SELECT token_hash, sender, request FROM cases.open311_token
WHERE answered_at IS NULL ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: token_answer
-- What was asked is forgotten: the case holds it, or nobody needs it any more.
UPDATE cases.open311_token SET answered_at = %(now)s, number = %(number)s, error = %(error)s, request = NULL
WHERE token_hash = %(token_hash)s;

-- name: tokens_prune
DELETE FROM cases.open311_token WHERE answered_at < %(before)s;

-- name: published_photos
-- The published copies only: before a photo is blurred the public sees nothing of it.
SELECT id, case_id, width, height, created_at FROM cases.photo
WHERE case_id = ANY(%(ids)s::uuid[]) AND published_hash IS NOT NULL ORDER BY case_id, id LIMIT %(limit)s;
