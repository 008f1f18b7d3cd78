-- Photos of reports.

-- name: photo_take
-- The oldest of a case that nobody has looked through (one without a case is nobody's to see), leased for a while, so that a worker that dies leaves it to
-- another, and tried a few times only.
UPDATE cases.photo SET prepare_after = %(until)s, prepare_tries = prepare_tries + 1
WHERE id = (SELECT id FROM cases.photo
            WHERE prepared_at IS NULL AND case_id IS NOT NULL AND (prepare_after IS NULL OR prepare_after <= %(now)s)
            ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, case_id, hash, prepare_tries;

-- name: photo_prepared
UPDATE cases.photo SET prepared_at = %(now)s, found_text = %(text)s, blurred = %(blurred)s,
    published_hash = %(hash)s, published_thumb_hash = %(thumb_hash)s
WHERE id = %(id)s AND prepared_at IS NULL;

-- name: photo_given_up
-- What could not be looked through is never published.
UPDATE cases.photo SET prepared_at = %(now)s WHERE id = %(id)s AND prepared_at IS NULL;

-- name: photo_published
-- The published copy, of a case that is the public's to know: not of one that was rejected.
SELECT p.published_hash, p.published_thumb_hash, p.media_type FROM cases.photo p
JOIN cases."case" c ON c.id = p.case_id
WHERE p.id = %(id)s AND p.published_hash IS NOT NULL AND c.status <> 'rejected';

-- name: texts_of_case
SELECT id, found_text FROM cases.photo WHERE case_id = %(case_id)s AND found_text <> '' ORDER BY id;

-- name: originals_expired
-- Photos of cases that were closed long enough ago and have a published copy to stay.
SELECT p.id, p.hash, p.thumb_hash, p.published_hash, p.published_thumb_hash FROM cases.photo p
JOIN cases."case" c ON c.id = p.case_id
WHERE c.closed_at < %(before)s AND p.original_removed_at IS NULL AND p.published_hash IS NOT NULL
ORDER BY c.closed_at LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED;

-- name: originals_of_cases
SELECT id, hash, thumb_hash FROM cases.photo
WHERE case_id = ANY(%(case_ids)s::uuid[]) AND original_removed_at IS NULL FOR UPDATE;

-- name: originals_removed
UPDATE cases.photo SET original_removed_at = %(now)s, prepared_at = coalesce(prepared_at, %(now)s)
WHERE id = ANY(%(ids)s::uuid[]);

-- name: hashes_in_use
-- Equal pictures are one file: it stays while any photo still needs it.
SELECT hash AS used FROM cases.photo WHERE hash = ANY(%(hashes)s::text[]) AND original_removed_at IS NULL
UNION SELECT thumb_hash FROM cases.photo
    WHERE thumb_hash = ANY(%(hashes)s::text[]) AND original_removed_at IS NULL
UNION SELECT published_hash FROM cases.photo WHERE published_hash = ANY(%(hashes)s::text[])
UNION SELECT published_thumb_hash FROM cases.photo WHERE published_thumb_hash = ANY(%(hashes)s::text[]);
