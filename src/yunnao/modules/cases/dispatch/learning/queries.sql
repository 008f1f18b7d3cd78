-- name: cases_taught
-- Final categories, whoever gave them: what was dispatched wrongly and re-assigned teaches as it ended.
-- Newest first and limited, by the partial index: what the city was like years ago misleads.
SELECT id, text, category, dispatch->>'category' IS DISTINCT FROM category AS corrected
FROM cases."case"
WHERE status IN ('closed', 'rated') AND category IS NOT NULL AND source <> 'alarm' AND text <> ''
ORDER BY id DESC LIMIT %(limit)s;

-- name: cases_new
-- Closed since the newest model was trained; counted no further than is asked for.
SELECT count(*) AS cases FROM (
    SELECT 1 FROM cases."case"
    WHERE closed_at > (SELECT coalesce(max(trained_at), '-infinity') FROM cases.dispatch_model)
      AND status IN ('closed', 'rated') AND category IS NOT NULL AND source <> 'alarm'
    LIMIT %(limit)s) AS found;

-- name: examples_list
-- In a fixed order, so that equal examples have an equal hash.
SELECT category, text FROM cases.example ORDER BY scene, category, position;

-- name: categories_list
SELECT code, name, keywords FROM cases.category WHERE NOT retired ORDER BY scene, position;

-- name: models_list
SELECT hash, examples_hash, report, taught_by, comparison, trained_at, promoted_at, current
FROM cases.dispatch_model ORDER BY trained_at DESC, hash LIMIT %(limit)s;

-- name: model_champion
SELECT hash, examples_hash, report, taught_by, comparison, trained_at, promoted_at, current
FROM cases.dispatch_model WHERE current;

-- name: model_challenger
-- The newest one that was trained after the champion and has not taken its place.
SELECT hash, examples_hash, report, taught_by, comparison, trained_at, promoted_at, current
FROM cases.dispatch_model
WHERE NOT current AND trained_at > (SELECT coalesce(max(trained_at), '-infinity')
                                    FROM cases.dispatch_model WHERE current)
ORDER BY trained_at DESC LIMIT 1;

-- name: training_lock
-- One training at a time; who finds it taken goes away instead of training the same again.
SELECT pg_try_advisory_xact_lock(hashtextextended('cases.dispatch.training', 0)) AS taken;

-- name: model_keep
INSERT INTO cases.dispatch_model (hash, examples_hash, report, taught_by, comparison, trained_at)
VALUES (%(hash)s, %(examples_hash)s, %(report)s, %(taught_by)s, %(comparison)s, %(now)s)
ON CONFLICT (hash) DO UPDATE SET examples_hash = excluded.examples_hash, comparison = excluded.comparison,
    trained_at = excluded.trained_at;

-- name: model_step_down
UPDATE cases.dispatch_model SET current = false WHERE current;

-- name: model_promote
UPDATE cases.dispatch_model SET current = true, promoted_at = %(now)s WHERE hash = %(hash)s;

-- name: model_judged
UPDATE cases.dispatch_model SET comparison = %(comparison)s WHERE hash = %(hash)s;

-- name: revision_next
-- Other processes read the new champion when they see it (see the module's own query of this name).
UPDATE cases.revision SET revision = nextval('cases.number');
