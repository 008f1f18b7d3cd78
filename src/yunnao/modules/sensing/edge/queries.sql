-- name: edge_insert
-- A site registered again keeps what it reported, and its pin.
INSERT INTO sensing.edge (edge, label, registered_at) VALUES (%(edge)s, %(label)s, %(now)s)
ON CONFLICT (edge) DO UPDATE SET label = excluded.label;

-- name: edge_delete
-- RETURNING tells whether there was one.
DELETE FROM sensing.edge WHERE edge = %(edge)s RETURNING edge;

-- name: edges_list
-- There are hundreds at most: no paging.
SELECT edge, label, pinned, program, registered_at, reported_at, report FROM sensing.edge ORDER BY edge;

-- name: edge_report
-- Keeps the report and reads what the site should run, in one step.
WITH heard AS (
    UPDATE sensing.edge SET report = %(report)s, reported_at = %(now)s WHERE edge = %(edge)s
    RETURNING pinned, program
)
SELECT h.pinned, p.version, p.hash, p.size, p.signature
FROM heard h LEFT JOIN sensing.edge_program p ON p.version = h.program;

-- name: edge_pin
-- RETURNING tells whether there was one.
UPDATE sensing.edge SET pinned = %(version)s WHERE edge = %(edge)s RETURNING edge;

-- name: bundle_insert
-- By the hash of its content: what sites were told once is there already.
INSERT INTO sensing.edge_bundle (version, content, made_at) VALUES (%(version)s, %(content)s, %(now)s)
ON CONFLICT (version) DO NOTHING;

-- name: bundle_get
-- What a pinned site should run.
SELECT content FROM sensing.edge_bundle WHERE version = %(version)s;

-- name: bundles_list
-- The newest are those to go back to.
SELECT version, made_at FROM sensing.edge_bundle ORDER BY made_at DESC LIMIT %(limit)s;

-- name: rules_active
-- In order, since the version is a hash over all.
SELECT scene, rule, spec FROM sensing.rule WHERE active ORDER BY scene, rule;

-- name: products_list
-- In order, since the version is a hash over all.
SELECT product, spec FROM sensing.product ORDER BY product;

-- name: program_insert
-- Of the same content the release is the same; its time is when it was last released.
INSERT INTO sensing.edge_program (version, hash, size, signature, released_at)
VALUES (%(version)s, %(hash)s, %(size)s, %(signature)s, %(now)s)
ON CONFLICT (version) DO UPDATE SET released_at = excluded.released_at, signature = excluded.signature;

-- name: program_get
-- What a site downloads.
SELECT version, hash, size, signature FROM sensing.edge_program WHERE version = %(version)s;

-- name: programs_list
-- The newest are those to roll out or to go back to.
SELECT version FROM sensing.edge_program ORDER BY released_at DESC LIMIT %(limit)s;

-- name: program_roll_out
-- One site, or all.
UPDATE sensing.edge SET program = %(version)s WHERE %(edge)s::text IS NULL OR edge = %(edge)s;
