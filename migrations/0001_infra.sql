-- Outbox, inbox and dead letters: events leave with the transaction that caused them, each
-- consumer handles each once, and what cannot be handled waits for a person.

CREATE TABLE infra.outbox (
    id         uuid PRIMARY KEY,          -- UUIDv7: order of the primary key is order of events
    subject    text NOT NULL,
    payload    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE infra.inbox (
    consumer   text NOT NULL,
    event_id   uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled_at ON infra.inbox (handled_at);

CREATE TABLE infra.dead_letter (
    id          uuid PRIMARY KEY,
    source      text NOT NULL,            -- who gave up: 'ingest', or a consumer's name
    subject     text NOT NULL,            -- where the message came in
    payload     bytea NOT NULL,
    code        text NOT NULL,            -- the error's public code
    params      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
CREATE INDEX dead_letter_waiting ON infra.dead_letter (created_at) WHERE replayed_at IS NULL;

-- The outcome of a request that carried an Idempotency-Key: the same key has the same answer.
CREATE TABLE infra.idempotency (
    principal  text NOT NULL,
    key        text NOT NULL,
    request    bytea NOT NULL,            -- SHA-256 of the request, so that a reused key is noticed
    response   jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
