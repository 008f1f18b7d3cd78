-- The life of an alarm between opening and clearing: suppressed, escalated, assigned, beneath a
-- probable cause or a summary; and everything that happened to it.

ALTER TABLE sensing.alarm
    ALTER COLUMN device DROP NOT NULL,      -- the summary of a flood is of no device
    ADD COLUMN kind             text NOT NULL DEFAULT 'single' CHECK (kind IN ('single', 'flood')),
    ADD COLUMN lon              double precision,
    ADD COLUMN lat              double precision,
    ADD COLUMN district         text,       -- of the place, when it opened
    ADD COLUMN parent           uuid REFERENCES sensing.alarm,
    ADD COLUMN raised           boolean NOT NULL DEFAULT true,  -- false: no case was asked for
    ADD COLUMN case_from        uuid REFERENCES sensing.alarm,  -- whose case it shares
    ADD COLUMN suppressed_until timestamptz,
    ADD COLUMN level            smallint NOT NULL DEFAULT 0,    -- steps of escalation taken
    ADD COLUMN escalate_at      timestamptz,                    -- the next step's time
    ADD COLUMN assignee         uuid,
    ADD COLUMN assignee_name    jsonb,
    ADD COLUMN department       text;

CREATE UNIQUE INDEX alarm_flood ON sensing.alarm (rule, coalesce(district, ''))
    WHERE kind = 'flood' AND state <> 'cleared';
CREATE INDEX alarm_rule_opened ON sensing.alarm (rule, opened_at);
CREATE INDEX alarm_opened ON sensing.alarm (opened_at) WHERE state <> 'cleared';
CREATE INDEX alarm_device ON sensing.alarm (device, id);
CREATE INDEX alarm_district ON sensing.alarm (district, id);
CREATE INDEX alarm_parent ON sensing.alarm (parent) WHERE parent IS NOT NULL;
CREATE INDEX alarm_case_from ON sensing.alarm (case_from) WHERE case_from IS NOT NULL;
CREATE INDEX alarm_escalate ON sensing.alarm (escalate_at) WHERE state = 'open' AND escalate_at IS NOT NULL;
CREATE INDEX alarm_suppressed ON sensing.alarm (suppressed_until) WHERE suppressed_until IS NOT NULL;

-- Somebody does not want to hear of a rule at a device for a time: whatever opens meanwhile opens
-- suppressed.
CREATE TABLE sensing.alarm_suppression (
    rule   smallint NOT NULL REFERENCES sensing.rule,
    device int NOT NULL REFERENCES sensing.device ON DELETE CASCADE,
    until  timestamptz NOT NULL,
    PRIMARY KEY (rule, device)
);

-- An alarm's timeline. Ids are UUIDv7, so their order is that of the entries.
CREATE TABLE sensing.alarm_event (
    id         uuid PRIMARY KEY,
    alarm      uuid NOT NULL REFERENCES sensing.alarm,
    time       timestamptz NOT NULL,
    event      text NOT NULL,
    actor_id   uuid,
    actor_name jsonb NOT NULL,
    actor_kind text NOT NULL,
    comment    text,
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX alarm_event_alarm ON sensing.alarm_event (alarm, id);

CREATE FUNCTION sensing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'sensing.alarm_event is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER alarm_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sensing.alarm_event
    FOR EACH STATEMENT EXECUTE FUNCTION sensing.refuse_change();
