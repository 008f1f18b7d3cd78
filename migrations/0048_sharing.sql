-- Sharing: one department's readings for another, on request, by query and by subscription.

-- Grows with every change of shares and subscriptions; an ingest worker that sees a new version looks
-- again at which series are wanted.
CREATE TABLE sensing.sharing (
    version bigint NOT NULL
);
INSERT INTO sensing.sharing VALUES (1);

-- A department asks for the readings of another's devices; the owner grants or refuses.
CREATE TABLE sensing.share (
    id           uuid PRIMARY KEY,
    number       int GENERATED ALWAYS AS IDENTITY UNIQUE,
    department   text NOT NULL,          -- that asks
    owner        text,                   -- whose devices they are; NULL: no department's
    product      text REFERENCES sensing.product,   -- with area: every such device of the owner, also future
    area         text,                   -- district or street; NULL: everywhere
    metrics      text[],                 -- NULL: all
    grade        text NOT NULL CHECK (grade IN ('general', 'important', 'core')),
    purpose      text NOT NULL,
    state        text NOT NULL CHECK (state IN ('asked', 'granted', 'refused', 'withdrawn', 'revoked')),
    asked_at     timestamptz NOT NULL,
    asked_by     uuid,
    valid_until  timestamptz NOT NULL,   -- as asked, until the owner sets it
    decided_at   timestamptz,
    decided_by   uuid,
    reason       text
);
CREATE INDEX share_department ON sensing.share (department, id);
CREATE INDEX share_owner ON sensing.share (owner, id);

-- The devices of a share that names them; empty for one by product.
CREATE TABLE sensing.share_device (
    share  int NOT NULL REFERENCES sensing.share (number) ON DELETE CASCADE,
    device int NOT NULL REFERENCES sensing.device ON DELETE CASCADE,
    PRIMARY KEY (share, device)
);
CREATE INDEX share_device_device ON sensing.share_device (device);

-- Where a share's readings are sent. State is what the times say: ended, else full, else parked, else active.
CREATE TABLE sensing.subscription (
    id              uuid PRIMARY KEY,
    number          int GENERATED ALWAYS AS IDENTITY UNIQUE,
    share           int NOT NULL REFERENCES sensing.share (number),
    name            text NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('webhook', 'mqtt', 'events')),
    url             text,                -- of a webhook
    secret          text NOT NULL,       -- signs webhooks, so it cannot be a hash
    metrics         text[],              -- NULL: all of the share
    mode            text NOT NULL CHECK (mode IN ('every', 'interval', 'change')),
    interval_s      int CHECK (interval_s > 0),
    change_min      double precision CHECK (change_min > 0),
    made_at         timestamptz NOT NULL,
    made_by         uuid,
    ended_at        timestamptz,
    parked_at       timestamptz,         -- nothing is sent until somebody resumes it; readings still wait
    full_since      timestamptz,         -- no room: readings since then are not kept, which is told later
    sealed          bigint NOT NULL DEFAULT 0,      -- parcels so far, numbered without a gap
    delivered       bigint NOT NULL DEFAULT 0,      -- readings
    delivered_at    timestamptz,
    failures        int NOT NULL DEFAULT 0,         -- in a row
    failing_since   timestamptz,
    next_attempt_at timestamptz NOT NULL,
    last_error      text,
    last_error_at   timestamptz,
    lease           uuid,                -- of the worker that is sending
    leased_until    timestamptz
);
CREATE INDEX subscription_share ON sensing.subscription (share);

-- Readings that wait for a subscriber: one row a subscription and batch, written with the batch.
CREATE TABLE sensing.delivery (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription int NOT NULL REFERENCES sensing.subscription (number) ON DELETE CASCADE,
    parcel       bigint,                 -- that it is sent in, always the same once set
    created_at   timestamptz NOT NULL,
    readings     int NOT NULL,
    content      bytea NOT NULL,         -- 20 bytes a reading: series int32, time µs int64, value float64
    texts        jsonb,                  -- {position: text} of readings that are texts
    gap_from     timestamptz,            -- in place of readings: what could not be kept
    gap_to       timestamptz
);
CREATE INDEX delivery_waiting ON sensing.delivery (subscription, number);
CREATE INDEX delivery_parcel ON sensing.delivery (subscription, parcel) WHERE parcel IS NOT NULL;

-- The value last sent of each series, of subscriptions that want changes only.
CREATE TABLE sensing.shared_value (
    subscription int NOT NULL REFERENCES sensing.subscription (number) ON DELETE CASCADE,
    series       int NOT NULL,
    value        double precision NOT NULL,
    PRIMARY KEY (subscription, series)
) WITH (fillfactor = 70);
