-- Sensing: products, devices, readings, their latest values, rules and alarms.

CREATE SCHEMA IF NOT EXISTS sensing;

CREATE TABLE sensing.product (
    product text PRIMARY KEY,           -- first level of the topic, so one in the whole platform
    scene   text NOT NULL,
    spec    jsonb NOT NULL
);

CREATE TABLE sensing.device (
    number        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE,
    product       text NOT NULL REFERENCES sensing.product,
    entity        text NOT NULL,        -- URN of the thing that it watches
    name          jsonb NOT NULL,
    lon           double precision,
    lat           double precision,
    attributes    jsonb NOT NULL DEFAULT '{}',
    synthetic     boolean NOT NULL DEFAULT false,
    registered_at timestamptz NOT NULL
);
CREATE INDEX device_product ON sensing.device (product, id);

-- A series is one metric of one device; its number is dense, so that columns can be indexed by it.
CREATE TABLE sensing.series (
    series int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device int NOT NULL REFERENCES sensing.device ON DELETE CASCADE,
    metric text NOT NULL,
    UNIQUE (device, metric)
);

-- Grows with every change of products, rules or devices; an ingest worker that sees a new version
-- forgets what it remembers of them.
CREATE TABLE sensing.registry (
    version bigint NOT NULL
);
INSERT INTO sensing.registry VALUES (1);

-- Identity of a reading is (series, time): what is delivered twice is stored once.
CREATE TABLE sensing.reading (
    series     int NOT NULL,
    time       timestamptz NOT NULL,
    value      double precision,        -- booleans are 0 and 1
    value_text text,
    PRIMARY KEY (series, time)
) PARTITION BY RANGE (time);

CREATE TABLE sensing.latest (
    series     int PRIMARY KEY,
    time       timestamptz NOT NULL,
    value      double precision,
    value_text text,
    seen_at    timestamptz NOT NULL     -- arrival of the last message, whatever its reading's time
) WITH (fillfactor = 50);               -- every update stays on its page and touches no index

CREATE TABLE sensing.rule (
    number smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scene  text NOT NULL,
    rule   text NOT NULL,
    spec   jsonb NOT NULL,
    active boolean NOT NULL DEFAULT true,
    UNIQUE (scene, rule)
);

CREATE TABLE sensing.alarm (
    id              uuid PRIMARY KEY,
    rule            smallint NOT NULL REFERENCES sensing.rule,
    device          int NOT NULL REFERENCES sensing.device,
    state           text NOT NULL CHECK (state IN ('open', 'acknowledged', 'cleared')),
    severity        text NOT NULL,
    value           double precision,
    message         jsonb NOT NULL,
    opened_at       timestamptz NOT NULL,   -- of the reading, not of its arrival
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    cleared_at      timestamptz,
    case_id         uuid,
    trace_id        text NOT NULL
);
-- One alarm at a time for a rule and a device.
CREATE UNIQUE INDEX alarm_not_cleared ON sensing.alarm (rule, device) WHERE state <> 'cleared';
CREATE INDEX alarm_state ON sensing.alarm (state, id);

-- What a rule remembers of a device between batches; a row only while there is something to
-- remember. The time up to which it was evaluated is the time of the series' latest value.
CREATE TABLE sensing.rule_state (
    device int NOT NULL REFERENCES sensing.device,
    rule   smallint NOT NULL REFERENCES sensing.rule,
    since  timestamptz,                 -- the condition has held without a break since then
    alarm  uuid,                        -- the alarm that is not cleared
    PRIMARY KEY (device, rule)
);

-- How far each lane of the intake has been read. Silence is judged only up to where the platform
-- has listened, and only over a time in which it did.
CREATE TABLE sensing.watch (
    lane           int PRIMARY KEY,
    caught_up_at   timestamptz NOT NULL,
    watching_since timestamptz NOT NULL
);

-- Counts of the intake for overviews, so that no one counts readings. `lane` keeps workers apart.
CREATE TABLE sensing.intake_count (
    slot    timestamptz NOT NULL,       -- start of ten seconds
    lane    int NOT NULL,
    stored  bigint NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (slot, lane)
);
