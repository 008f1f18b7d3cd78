-- Rules: states that several processes share, rules that the city makes, maintenance.

-- `readings`: of a run that is not an alarm yet, how many hold the condition. `changed`: the version
-- below at which somebody other than the lane's owner wrote the row; 0 where it was the owner.
ALTER TABLE sensing.rule_state
    ADD COLUMN readings int NOT NULL DEFAULT 0,
    ADD COLUMN changed  bigint NOT NULL DEFAULT 0;
CREATE INDEX rule_state_changed ON sensing.rule_state (changed) WHERE changed > 0;

-- Grows with every change of rules or maintenance, and of states by others than the owner of the
-- lane. An ingest worker keeps states in memory and looks here with each batch.
CREATE TABLE sensing.rule_change (
    version bigint NOT NULL
);
INSERT INTO sensing.rule_change VALUES (1);

-- Rules of scene 'city' are made in the console; every version of one is kept.
CREATE TABLE sensing.rule_revision (
    rule       smallint NOT NULL REFERENCES sensing.rule,
    revision   int NOT NULL,
    spec       jsonb,                   -- NULL: the rule was ended
    changed_at timestamptz NOT NULL,
    changed_by jsonb NOT NULL,          -- id and name of the account
    PRIMARY KEY (rule, revision)
);

-- While one lasts, no rule opens an alarm for its devices.
CREATE TABLE sensing.maintenance (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('device', 'entity', 'product', 'area')),
    target     text NOT NULL,           -- device id, URN, product, code of a district or street
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason     text NOT NULL,
    created_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    ended_by   jsonb                    -- who ended it before its time
);
CREATE INDEX maintenance_ends ON sensing.maintenance (ends_at);
