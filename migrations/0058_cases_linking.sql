-- One event, one case: what finds candidates, suggested links, merges, followers, recurring places, warnings.

ALTER TABLE cases."case" ADD COLUMN merged_into uuid REFERENCES cases."case" (id);
CREATE INDEX case_merged_into ON cases."case" (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE cases.linking_rules (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    rules jsonb NOT NULL                   -- `linking` of city.yaml
);

-- Where a case is on the grid (H3) and which words it has: written at intake, never changed, so that a
-- search for candidates touches narrow rows only.
CREATE TABLE cases.place (
    case_id   uuid PRIMARY KEY REFERENCES cases."case" (id),
    opened_at timestamptz NOT NULL,
    cell      bigint,                      -- resolution 9: with its neighbours at least 300 m around
    spot      bigint,                      -- resolution 10, some 130 m across: one place of a list
    category  text,                        -- at intake
    entity    text,
    words     bytea NOT NULL               -- SHA-256 of the normalised text
);
CREATE INDEX place_cell ON cases.place (cell, opened_at DESC) WHERE cell IS NOT NULL;
CREATE INDEX place_words ON cases.place (words, opened_at DESC);
CREATE INDEX place_category ON cases.place (category, opened_at DESC);
CREATE INDEX place_opened_at ON cases.place (opened_at);

CREATE TABLE cases.link (
    case_id      uuid NOT NULL REFERENCES cases."case" (id), -- the later
    other_id     uuid NOT NULL REFERENCES cases."case" (id), -- the earlier
    kind         text NOT NULL CHECK (kind IN ('duplicate', 'related', 'recurrent')),
    score        real NOT NULL,
    reasons      jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'suggested' CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    suggested_at timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   uuid,
    PRIMARY KEY (case_id, other_id)
);
CREATE INDEX link_other ON cases.link (other_id);
CREATE INDEX link_waiting ON cases.link (suggested_at) WHERE state = 'suggested';

CREATE TABLE cases.merge (
    id            uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES cases."case" (id),
    into_id       uuid NOT NULL REFERENCES cases."case" (id),
    status_before text NOT NULL,
    merged_at     timestamptz NOT NULL,
    undone_at     timestamptz
);
CREATE UNIQUE INDEX merge_standing ON cases.merge (case_id) WHERE undone_at IS NULL;

-- People who said "me too": a tracking code of their own, and nothing about them but an account.
CREATE TABLE cases.follower (
    id             uuid PRIMARY KEY,
    case_id        uuid NOT NULL REFERENCES cases."case" (id),
    tracking_hash  bytea NOT NULL UNIQUE,
    account_id     uuid,
    followed_at    timestamptz NOT NULL,
    score          smallint CHECK (score BETWEEN 1 AND 5),
    rating_comment text
);
CREATE INDEX follower_case ON cases.follower (case_id);
CREATE UNIQUE INDEX follower_once ON cases.follower (case_id, account_id) WHERE account_id IS NOT NULL;

-- What reporters of merged cases and followers think of the main case's handling.
CREATE TABLE cases.further_rating (
    case_id uuid PRIMARY KEY REFERENCES cases."case" (id), -- the merged one
    score   smallint NOT NULL CHECK (score BETWEEN 1 AND 5),
    comment text,
    rated_at timestamptz NOT NULL
);

CREATE TABLE cases.recurring_place (
    place       text NOT NULL,             -- an entity's id, or the cell in H3's notation
    category    text NOT NULL,
    cases       int NOT NULL,
    reopened    int NOT NULL,              -- opened after an earlier one was closed
    recent      int NOT NULL,              -- of the later half of the span; cases - recent of the earlier
    lon         double precision,
    lat         double precision,
    district    text,
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    last_case   uuid NOT NULL,
    counted_at  timestamptz NOT NULL,
    PRIMARY KEY (place, category)
);

CREATE TABLE cases.group_warning (
    id              uuid PRIMARY KEY,
    category        text NOT NULL,
    place           text NOT NULL,         -- a cell in H3's notation, or the district
    reporters       int NOT NULL,
    cases           int NOT NULL,
    usual           real NOT NULL,         -- expected reporters in as many hours
    chance          real NOT NULL,         -- that so many come by chance
    case_ids        uuid[] NOT NULL,
    lon             double precision,
    lat             double precision,
    district        text,
    opened_at       timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    comment         text,
    ended_at        timestamptz
);
CREATE UNIQUE INDEX group_warning_running ON cases.group_warning (place, category) WHERE ended_at IS NULL;
