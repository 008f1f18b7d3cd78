-- Photos of work on the spot.

-- name: stage_set
-- Those of the officer's own case only, which were attached just now.
UPDATE cases.photo SET stage = %(stage)s WHERE case_id = %(case_id)s AND id = ANY(%(ids)s::uuid[]);
