-- Personal data of who reported.

-- name: cases_to_anonymise
-- Closed long enough ago, in batches; workers take different ones.
SELECT id, title, text, address, rating_comment FROM cases."case"
WHERE closed_at < %(before)s AND anonymised_at IS NULL
ORDER BY closed_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED;

-- name: case_to_erase
SELECT id, number, title, text, address, rating_comment, department, district, reporter_id, status, anonymised_at,
    tracking_hash
FROM cases."case" WHERE id = %(id)s FOR UPDATE;

-- name: cases_anonymise
-- The texts come masked from the caller. The account that reported is forgotten too: nobody finds the case
-- by its reporter any more.
UPDATE cases."case" c SET reporter = NULL, reporter_id = NULL, title = n.title, text = n.text,
    address = n.address, rating_comment = n.rating_comment, anonymised_at = %(now)s, changed_at = %(now)s
FROM jsonb_to_recordset(%(rows)s) AS n (id uuid, title text, text text, address text, rating_comment text)
WHERE c.id = n.id;

-- name: media_urls_forget
UPDATE cases.open311_request SET media_url = NULL WHERE case_id = ANY(%(ids)s::uuid[]);

-- name: followers_forget
-- Their tracking codes still open the case; which account it was is forgotten.
UPDATE cases.follower SET account_id = NULL, rating_comment = NULL WHERE case_id = ANY(%(ids)s::uuid[]);

-- name: personal_counts
-- What is kept of persons now; every count on an index or a partial one.
SELECT count(*) FILTER (WHERE reporter IS NOT NULL) AS reporters,
    count(*) FILTER (WHERE reporter IS NOT NULL AND closed_at IS NOT NULL) AS reporters_of_closed,
    count(*) FILTER (WHERE reporter_id IS NOT NULL) AS accounts,
    count(*) FILTER (WHERE anonymised_at IS NOT NULL) AS anonymised,
    min(closed_at) FILTER (WHERE reporter IS NOT NULL) AS oldest_closed_at
FROM cases."case";

-- name: photo_counts
SELECT count(*) AS photos, count(*) FILTER (WHERE original_removed_at IS NULL) AS originals,
    count(*) FILTER (WHERE published_hash IS NOT NULL) AS published,
    count(*) FILTER (WHERE prepared_at IS NULL) AS waiting FROM cases.photo;
