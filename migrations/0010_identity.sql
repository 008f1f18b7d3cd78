-- Parties, departments, roles, sessions, tokens, and the audit log.

CREATE SCHEMA identity;

CREATE TABLE identity.department (
    id     text PRIMARY KEY,
    name   jsonb NOT NULL,               -- {zh, en}
    kind   text NOT NULL,
    area   text,                         -- administrative code; null: the whole city
    parent text,
    phone  text,
    active boolean NOT NULL DEFAULT true -- false: no longer in the city pack, but cases name it
);

CREATE TABLE identity.party (
    id            uuid PRIMARY KEY,
    account       text NOT NULL UNIQUE CHECK (account = lower(account)),
    name          jsonb NOT NULL,        -- {zh, en}
    kind          text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'system')),
    department    text REFERENCES identity.department,
    password_hash text,                  -- Argon2id, PHC string; null: nobody can sign in
    demo          boolean NOT NULL DEFAULT false,
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL
);

CREATE TABLE identity.role_grant (
    party_id   uuid NOT NULL REFERENCES identity.party ON DELETE CASCADE,
    role       text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (party_id, role)
);

-- Only hashes of secrets are kept: whoever reads the table can impersonate nobody.
CREATE TABLE identity.session (
    token_hash   bytea PRIMARY KEY,      -- SHA-256
    party_id     uuid NOT NULL REFERENCES identity.party ON DELETE CASCADE,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,   -- absolute
    idle_max     interval NOT NULL       -- ends this long after last_seen_at
);
CREATE INDEX session_party ON identity.session (party_id);
CREATE INDEX session_expires ON identity.session (expires_at);

CREATE TABLE identity.api_token (
    id           uuid PRIMARY KEY,
    token_hash   bytea NOT NULL UNIQUE,  -- SHA-256
    party_id     uuid NOT NULL REFERENCES identity.party ON DELETE CASCADE,
    name         text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX api_token_party ON identity.api_token (party_id);

-- The account is a hash, since people type passwords into the wrong field.
CREATE TABLE identity.sign_in_failure (
    id           uuid PRIMARY KEY,
    account_hash bytea NOT NULL,
    address      text NOT NULL,
    failed_at    timestamptz NOT NULL
);
CREATE INDEX sign_in_failure_account ON identity.sign_in_failure (account_hash, failed_at);
CREATE INDEX sign_in_failure_address ON identity.sign_in_failure (address, failed_at);

-- The audit log: rows are written by the transaction that does the action, and linked afterwards
-- into one chain of hashes by a single writer, so that audited requests do not wait for each other.
CREATE TABLE identity.audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time       timestamptz NOT NULL,
    actor_id   uuid,
    actor_name jsonb NOT NULL,
    action     text NOT NULL,
    resource   text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_time ON identity.audit (time);

-- What the linker has still to do, so that it need not search the log.
CREATE TABLE identity.audit_pending (
    audit_id bigint PRIMARY KEY
);

-- hash = SHA-256(prev_hash || canonical JSON of the row); positions have no gaps, and two rows
-- with one predecessor are refused, so the chain cannot fork.
CREATE TABLE identity.audit_link (
    position  bigint PRIMARY KEY,
    audit_id  bigint NOT NULL UNIQUE REFERENCES identity.audit,
    prev_hash bytea NOT NULL UNIQUE,
    hash      bytea NOT NULL UNIQUE
);

CREATE FUNCTION identity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity.audit
    FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_change();
CREATE TRIGGER audit_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity.audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_change();

-- Every row of the log is pending until it is linked, however it came in.
CREATE FUNCTION identity.audit_await_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO identity.audit_pending SELECT id FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_pending_added AFTER INSERT ON identity.audit
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION identity.audit_await_link();
