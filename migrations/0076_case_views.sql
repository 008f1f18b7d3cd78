-- Saved views of cases, and exports that are made in the background.

CREATE TABLE cases.case_view (
    id         uuid PRIMARY KEY,
    owner_id   uuid NOT NULL,
    name       text NOT NULL,
    filter     jsonb NOT NULL,             -- the parameters of GET /cases
    columns    text[] NOT NULL DEFAULT '{}',
    sort       text NOT NULL,
    department text,                       -- shared with whoever belongs to it
    role       text,                       -- shared with whoever has it
    changed_at timestamptz NOT NULL
);
CREATE INDEX case_view_owner ON cases.case_view (owner_id);
CREATE INDEX case_view_department ON cases.case_view (department) WHERE department IS NOT NULL;
CREATE INDEX case_view_role ON cases.case_view (role) WHERE role IS NOT NULL;

-- What a party begins with.
CREATE TABLE cases.case_view_default (
    party_id uuid PRIMARY KEY,
    view_id  uuid NOT NULL REFERENCES cases.case_view (id) ON DELETE CASCADE
);
CREATE INDEX case_view_default_view ON cases.case_view_default (view_id);

CREATE TABLE cases.case_export (
    id         uuid PRIMARY KEY,
    party_id   uuid NOT NULL,              -- its rights count when the file is made, and nobody else gets it
    format     text NOT NULL,
    language   text NOT NULL,
    filter     jsonb NOT NULL,
    state      text NOT NULL CHECK (state IN ('asked', 'writing', 'done', 'failed')),
    rows       int NOT NULL DEFAULT 0,
    whole      boolean,                    -- whether all that match are in it
    file_hash  text,
    error      text,                       -- a message's code
    asked_at   timestamptz NOT NULL,
    claimed_at timestamptz,
    done_at    timestamptz
);
CREATE INDEX case_export_party ON cases.case_export (party_id, id);
CREATE INDEX case_export_waiting ON cases.case_export (asked_at) WHERE state IN ('asked', 'writing');
