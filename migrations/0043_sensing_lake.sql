-- The way of readings from the hot partitions to the lake.

-- Numbers every change of the lake; Delta's log keeps the newest, so that none is made twice.
CREATE SEQUENCE sensing.lake_change;

-- One row for each sealing of a closed span.
CREATE TABLE sensing.sealed (
    number      bigint PRIMARY KEY,         -- of the lake's change
    starts_at   timestamptz NOT NULL,       -- the span of the partitions, [starts_at, ends_at)
    ends_at     timestamptz NOT NULL,
    partitions  text[] NOT NULL,            -- hot tables that go to the lake and are then dropped
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done')),
    readings    bigint,                     -- new in the lake
    begun_at    timestamptz NOT NULL,
    finished_at timestamptz
);
-- One sealing at a time; one that was interrupted is finished before the next begins.
CREATE UNIQUE INDEX sealed_open ON sensing.sealed (state) WHERE state = 'open';
CREATE INDEX sealed_span ON sensing.sealed (starts_at, ends_at);

-- Readings that came while their span was being sealed; they go into a new partition when the old
-- one is dropped.
CREATE TABLE sensing.late_reading (
    series     int NOT NULL,
    time       timestamptz NOT NULL,
    value      double precision,
    value_text text
);

CREATE FUNCTION sensing.keep_late_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sensing.late_reading (series, time, value, value_text)
    VALUES (NEW.series, NEW.time, NEW.value, NEW.value_text);
    RETURN NULL;
END $$;

-- For tables of numbers alone.
CREATE FUNCTION sensing.keep_late_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sensing.late_reading (series, time, value) VALUES (NEW.series, NEW.time, NEW.value);
    RETURN NULL;
END $$;

-- What the lake holds of a day (UTC), and what has been done to it.
CREATE TABLE sensing.lake_day (
    day       date PRIMARY KEY,
    sealed    bigint NOT NULL,              -- the newest change that added readings
    compacted bigint NOT NULL DEFAULT 0,    -- the newest change that rewrote it
    expired   text[] NOT NULL DEFAULT '{}'  -- products whose readings were removed since `sealed`
);
