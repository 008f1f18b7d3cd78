-- Doors into the case centre: what Open311 carries besides a case, requests that wait for their case,
-- the numbers by which other systems know a case, imports of sheets.

-- What the city pack declares about doors, retention and publication.
ALTER TABLE cases.city ADD COLUMN IF NOT EXISTS doors jsonb NOT NULL DEFAULT '{}';

CREATE TABLE cases.open311_request (
    case_id    uuid PRIMARY KEY REFERENCES cases."case" (id),
    address_id text,
    media_url  text                        -- as the sender gave it; never fetched, never shown publicly
);

-- A request that asked to be answered at once and opened soon. What it says is forgotten once its case
-- is open, since the case holds it.
CREATE TABLE cases.open311_token (
    token_hash  bytea PRIMARY KEY,
    sender      jsonb NOT NULL,
    request     jsonb,
    created_at  timestamptz NOT NULL,
    answered_at timestamptz,
    number      text,
    error       jsonb                      -- code and params of why no case was opened
);
CREATE INDEX open311_token_waiting ON cases.open311_token (created_at) WHERE answered_at IS NULL;
CREATE INDEX open311_token_answered ON cases.open311_token (answered_at) WHERE answered_at IS NOT NULL;

-- The number that another system gave the same case: one case a number and system.
CREATE TABLE cases.external_reference (
    system    uuid NOT NULL,               -- the account that sent it
    reference text NOT NULL,
    case_id   uuid NOT NULL REFERENCES cases."case" (id),
    PRIMARY KEY (system, reference)
);
CREATE INDEX external_reference_case ON cases.external_reference (case_id);

-- A sheet of hotline records on its way in.
CREATE TABLE cases.import (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,           -- the file's, as it was sent
    file_hash     text NOT NULL,
    format        text NOT NULL,
    mapping       jsonb NOT NULL,
    source        text NOT NULL,           -- the system whose numbers the rows carry
    state         text NOT NULL CHECK (state IN ('draft', 'waiting', 'running', 'done', 'failed')),
    error         jsonb,
    rows_total    int,
    rows_done     int NOT NULL DEFAULT 0,
    opened        int NOT NULL DEFAULT 0,
    known         int NOT NULL DEFAULT 0,  -- rows whose number had a case already
    refused       int NOT NULL DEFAULT 0,
    sender        jsonb NOT NULL,
    sender_id     uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL
);
CREATE INDEX import_working ON cases.import (created_at) WHERE state IN ('waiting', 'running');
CREATE INDEX import_sender ON cases.import (sender_id, id);

CREATE TABLE cases.import_error (
    import_id uuid NOT NULL REFERENCES cases.import (id),
    row       int NOT NULL,                -- as a person counts in the sheet
    code      text NOT NULL,
    params    jsonb NOT NULL,
    reference text,
    PRIMARY KEY (import_id, row)
);

CREATE TABLE cases.import_mapping (
    name       text PRIMARY KEY,
    mapping    jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL
);

-- Open311's updated_after, and every reader that asks what changed.
CREATE INDEX IF NOT EXISTS case_changed_at ON cases."case" (changed_at);

-- What the preparing of a photo found and made. The public sees the published copy only, in which faces
-- and number plates are blurred; `hash` is the original, for whom a right lets see it.
ALTER TABLE cases.photo
    ADD COLUMN IF NOT EXISTS grade text NOT NULL DEFAULT 'important', -- of the original, GB/T 43697
    ADD COLUMN IF NOT EXISTS stage text CHECK (stage IN ('before', 'after')),
    ADD COLUMN IF NOT EXISTS prepare_after timestamptz,   -- none: at once
    ADD COLUMN IF NOT EXISTS prepare_tries int NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS prepared_at timestamptz,
    ADD COLUMN IF NOT EXISTS found_text text,             -- read in the picture
    ADD COLUMN IF NOT EXISTS blurred int,                 -- regions
    ADD COLUMN IF NOT EXISTS published_hash text,
    ADD COLUMN IF NOT EXISTS published_thumb_hash text,
    ADD COLUMN IF NOT EXISTS original_removed_at timestamptz;
CREATE INDEX IF NOT EXISTS photo_unprepared ON cases.photo (created_at) WHERE prepared_at IS NULL;

-- When what tells who reported was removed.
ALTER TABLE cases."case" ADD COLUMN IF NOT EXISTS anonymised_at timestamptz;
CREATE INDEX IF NOT EXISTS case_to_anonymise ON cases."case" (closed_at)
    WHERE closed_at IS NOT NULL AND anonymised_at IS NULL;
