-- Work on cases beyond their flow: joint handling, sub-cases, requests that somebody else decides,
-- suspension, supervision, reminders, hand-over, archive; and which versions of flows there were.

ALTER TABLE cases."case"
    ADD COLUMN parent_id        uuid REFERENCES cases."case" (id),
    ADD COLUMN suspended_at     timestamptz,
    ADD COLUMN suspended_until  timestamptz,       -- none: until somebody resumes it
    ADD COLUMN supervised_at    timestamptz,
    ADD COLUMN supervised_until timestamptz,       -- by when the supervisor wants it done
    ADD COLUMN reminders        int NOT NULL DEFAULT 0,
    ADD COLUMN reminded_at      timestamptz,
    ADD COLUMN handed_to        text,              -- the party outside that has it
    ADD COLUMN archived_at      timestamptz;       -- from then on read-only
CREATE INDEX case_parent ON cases."case" (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX case_suspended ON cases."case" (suspended_until) WHERE suspended_at IS NOT NULL;
CREATE INDEX case_supervised ON cases."case" (supervised_until) WHERE supervised_at IS NOT NULL;
CREATE INDEX case_to_archive ON cases."case" (case_type, (coalesce(closed_at, changed_at)))
    WHERE archived_at IS NULL AND status IN ('closed', 'rated', 'rejected');
CREATE INDEX case_running_flow ON cases."case" (case_type, flow_hash, id)
    WHERE status IN ('desk', 'assigned', 'handling', 'checking');

ALTER TABLE cases.case_type ADD COLUMN archive_after_days int NOT NULL DEFAULT 90;

-- Departments that handle a case together. The lead is the case's own department.
CREATE TABLE cases.party (
    case_id    uuid NOT NULL REFERENCES cases."case" (id),
    department text NOT NULL,
    role       text NOT NULL CHECK (role IN ('lead', 'joint')),
    added_at   timestamptz NOT NULL,
    done_at    timestamptz,                        -- its part is fed back
    comment    text,                               -- what it fed back
    PRIMARY KEY (case_id, department)
);
CREATE UNIQUE INDEX party_lead ON cases.party (case_id) WHERE role = 'lead';
CREATE INDEX party_waiting ON cases.party (department, added_at) WHERE role = 'joint' AND done_at IS NULL;

-- What somebody asks for and somebody else decides.
CREATE TABLE cases.request (
    id               uuid PRIMARY KEY,             -- UUIDv7
    case_id          uuid NOT NULL REFERENCES cases."case" (id),
    kind             text NOT NULL CHECK (kind IN ('extension', 'suspension', 'appeal')),
    state            text NOT NULL CHECK (state IN ('asked', 'granted', 'refused', 'withdrawn', 'lapsed')),
    department       text,                         -- that asks
    asked_by         uuid,
    asked_by_name    jsonb NOT NULL,
    asked_at         timestamptz NOT NULL,
    reason           text NOT NULL,
    hours            real,                         -- extension, on the clock of the case's time limit
    until            timestamptz,                  -- extension instead of hours; end of a suspension
    about            text CHECK (about IN ('responsibility', 'check')),
    judged_by        uuid,                         -- of an appeal: who gave the verdict; none: the machine
    decided_by       uuid,
    decided_by_name  jsonb,
    decided_at       timestamptz,
    decision_comment text
);
CREATE UNIQUE INDEX request_open ON cases.request (case_id, kind) WHERE state = 'asked';
CREATE INDEX request_case ON cases.request (case_id, id);
CREATE INDEX request_waiting ON cases.request (id) WHERE state = 'asked';

-- Every version of a case type's flow that was ever installed, in order.
CREATE TABLE cases.flow_version (
    case_type    text NOT NULL,
    version      int NOT NULL,
    hash         text NOT NULL REFERENCES cases.flow (hash),
    installed_at timestamptz NOT NULL,
    PRIMARY KEY (case_type, version),
    UNIQUE (case_type, hash)
);
INSERT INTO cases.flow_version (case_type, version, hash, installed_at)
SELECT used.case_type, row_number() OVER (PARTITION BY used.case_type ORDER BY f.created_at, f.hash), f.hash, f.created_at
FROM (SELECT type AS case_type, flow_hash FROM cases.case_type
      UNION SELECT case_type, flow_hash FROM cases."case") AS used
JOIN cases.flow f ON f.hash = used.flow_hash;
