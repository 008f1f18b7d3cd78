-- name: demo_counts
-- One row of counts over all modules, so that the demonstration can be judged by what the database
-- holds and by nothing else.
SELECT
    (SELECT count(*) FROM sensing.reading) + (SELECT count(*) FROM sensing.reading_run)
        + (SELECT coalesce(sum(readings), 0)::bigint FROM sensing.sealed)      AS readings,
    (SELECT count(*) FROM sensing.alarm)                                       AS alarms,
    (SELECT count(*) FROM cases."case")                                        AS cases,
    (SELECT count(*) FROM cases."case" WHERE source IN ('citizen', 'open311')) AS reports,
    (SELECT count(*) FROM cases."case" WHERE automatic)                        AS automatic,
    (SELECT count(*) FROM cases."case" WHERE NOT automatic)                    AS on_desk,
    (SELECT count(*) FROM cases."case" WHERE closed_at IS NOT NULL)            AS closed,
    (SELECT count(*) FROM cases."case" WHERE score IS NOT NULL)                AS rated,
    (SELECT count(*) FROM infra.dead_letter WHERE replayed_at IS NULL)         AS dead_letters;
