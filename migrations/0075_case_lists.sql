-- Lists, counts and maps of a million cases.

CREATE INDEX case_street ON cases."case" (street, id) WHERE street IS NOT NULL;
CREATE INDEX case_source ON cases."case" (source, id);
CREATE INDEX case_case_type ON cases."case" (case_type, id);
CREATE INDEX case_severity ON cases."case" (severity, id) WHERE severity IS NOT NULL;
CREATE INDEX informed_department ON cases.informed (department, case_id);

-- Counts of what runs are read from this index alone: of a million cases some ten thousand run, each on a page
-- of its own.
CREATE INDEX case_running_facts ON cases."case" (department, due_at)
    INCLUDE (id, status, category, district, opened_at, changed_at, lon, lat, severity, reporter_id)
    WHERE status IN ('desk', 'assigned', 'handling', 'checking');

-- What the overview counts of the last days, likewise.
DROP INDEX cases.case_opened_at;
CREATE INDEX case_opened_at ON cases."case" (opened_at) INCLUDE (automatic, category, lon, lat);
DROP INDEX cases.case_closed_at;
CREATE INDEX case_closed_at ON cases."case" (closed_at) INCLUDE (score) WHERE closed_at IS NOT NULL;

-- An index alone answers only for pages that were vacuumed since they changed: by default that waits for a
-- fifth of the table.
ALTER TABLE cases."case" SET (autovacuum_vacuum_scale_factor = 0.005, autovacuum_analyze_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.005);
ALTER TABLE cases.search SET (autovacuum_analyze_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.01);
