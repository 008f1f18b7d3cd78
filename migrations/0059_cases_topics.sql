-- Hot topics of the city's cases, kept as messages come.

-- In how many messages each hashed gram stands, and up to which case messages have been read.
CREATE TABLE cases.topic_state (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    messages  bigint NOT NULL,
    grams     bytea NOT NULL,              -- int32 counts, zlib
    last_case uuid NOT NULL
);

CREATE TABLE cases.topic (
    id         uuid PRIMARY KEY,
    joined_to  uuid REFERENCES cases.topic (id), -- an older topic that it turned out to be
    phrases    text[] NOT NULL,
    places     text[] NOT NULL,
    messages   int NOT NULL,
    people     int NOT NULL,               -- different reporters
    district   text,                       -- where most of it is
    lon        double precision,
    lat        double precision,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    sum        bytea NOT NULL              -- of its messages' vectors, the heaviest terms: int32s, then float32s
);
CREATE INDEX topic_last_at ON cases.topic (last_at DESC) WHERE joined_to IS NULL;
CREATE INDEX topic_told ON cases.topic (last_at DESC) WHERE joined_to IS NULL AND messages >= 3;

CREATE TABLE cases.topic_case (
    case_id   uuid PRIMARY KEY REFERENCES cases."case" (id),
    topic_id  uuid NOT NULL REFERENCES cases.topic (id),
    opened_at timestamptz NOT NULL
);
CREATE INDEX topic_joined_to ON cases.topic (joined_to) WHERE joined_to IS NOT NULL;
CREATE INDEX topic_case_topic ON cases.topic_case (topic_id, opened_at);
