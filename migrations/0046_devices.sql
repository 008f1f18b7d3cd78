-- Devices of a whole city: who owns them, who speaks for them, how they prove who they are, and
-- what is held against them.

ALTER TABLE sensing.device
    ADD COLUMN changed  bigint NOT NULL DEFAULT 0,          -- registry version of the last change
    ADD COLUMN owner    text,                               -- department
    ADD COLUMN gateway  int,                                -- number of the device that may speak for it
    ADD COLUMN district text,                               -- area codes of the place
    ADD COLUMN street   text,
    ADD COLUMN standing text NOT NULL DEFAULT 'active'
        CHECK (standing IN ('active', 'quarantined', 'blocked', 'retired')),
    ADD COLUMN retired_at timestamptz;

-- Caches of devices ask for what changed after the version that they know.
CREATE INDEX device_changed ON sensing.device (changed);
CREATE INDEX device_owner ON sensing.device (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX device_district ON sensing.device (district, id) WHERE district IS NOT NULL;
CREATE INDEX device_gateway ON sensing.device (gateway) WHERE gateway IS NOT NULL;
CREATE INDEX device_standing ON sensing.device (standing, id) WHERE standing <> 'active';

UPDATE sensing.device d SET district = e.district, street = e.street
FROM twin.entity e WHERE e.id = d.entity AND e.district IS NOT NULL;

-- What a device proves itself with. The secret itself is nowhere: a token is 256 random bits, so
-- its SHA-256 needs no salt; of a certificate its fingerprint is kept.
CREATE TABLE sensing.credential (
    id           uuid PRIMARY KEY,
    device       int NOT NULL REFERENCES sensing.device ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('token', 'certificate')),
    hash         bytea NOT NULL UNIQUE,
    issued_at    timestamptz NOT NULL,
    issued_by    uuid,
    expires_at   timestamptz,           -- NULL: until it is revoked
    revoked_at   timestamptz,
    revoked_by   uuid,
    last_used_at timestamptz
);
CREATE INDEX credential_device ON sensing.credential (device);

-- Messages a minute that all devices of a department together may send.
CREATE TABLE sensing.department_limit (
    department              text PRIMARY KEY,
    messages_per_minute_max int NOT NULL CHECK (messages_per_minute_max > 0),
    set_at                  timestamptz NOT NULL,
    set_by                  uuid
);

-- What departments with a limit sent, by the lane that it came through: each worker counts its own.
CREATE TABLE sensing.department_minute (
    department text NOT NULL,
    minute     timestamptz NOT NULL,
    lane       int NOT NULL,
    messages   bigint NOT NULL,
    PRIMARY KEY (department, minute, lane)
);

-- Devices that nobody knows, and known ones that misbehave, for an operator to decide on. Bounded
-- by the writer: the oldest undecided make room.
CREATE TABLE sensing.quarantine (
    id          uuid PRIMARY KEY,
    product     text NOT NULL,          -- as the topic says, so perhaps no product at all
    device      text NOT NULL,
    reason      text NOT NULL
        CHECK (reason IN ('unknown', 'other_product', 'refusals', 'over_rate', 'value_storm')),
    state       text NOT NULL CHECK (state IN ('held', 'registered', 'released', 'blocked')),
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    messages    bigint NOT NULL,        -- refused since first_seen
    codes       jsonb NOT NULL,         -- refused messages by code
    sample      bytea NOT NULL,         -- the beginning of the last one
    decided_at  timestamptz,
    decided_by  uuid,
    UNIQUE (device, product)
);
CREATE INDEX quarantine_state ON sensing.quarantine (state, id);
CREATE INDEX quarantine_oldest ON sensing.quarantine (last_seen) WHERE state = 'held';

-- Offences of registered devices in the current window; forgotten when they behave.
CREATE TABLE sensing.offence (
    device    int PRIMARY KEY REFERENCES sensing.device ON DELETE CASCADE,
    since     timestamptz NOT NULL,     -- start of the window
    refused   int NOT NULL,
    over_rate int NOT NULL
);
