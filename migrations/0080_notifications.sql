-- Notifications: what people are told, one message a recipient and channel, delivered by workers.

CREATE SCHEMA notifications;

-- What is to be told, written by the transaction that causes it. A worker addresses it: one message
-- for each recipient and channel.
CREATE TABLE notifications.notice (
    id           uuid PRIMARY KEY,
    key          text NOT NULL,             -- what happened; nobody is told the same key twice
    template     text NOT NULL,             -- messages notice_<template> and notice_<template>_text
    params       jsonb NOT NULL,
    recipients   jsonb NOT NULL,            -- emptied once addressed: addresses are personal
    urgent       boolean NOT NULL,
    subject      text,                      -- Type/id of what it is about
    made_at      timestamptz NOT NULL,
    addressed_at timestamptz
);
CREATE INDEX notice_waiting ON notifications.notice (id) WHERE addressed_at IS NULL;
CREATE INDEX notice_made_at ON notifications.notice (made_at);

CREATE TABLE notifications.message (
    id              uuid PRIMARY KEY,       -- the same at every attempt: Message-ID, webhook-id
    notice_id       uuid NOT NULL REFERENCES notifications.notice (id) ON DELETE CASCADE,
    key             text NOT NULL,
    recipient       text NOT NULL,          -- account:<id>, or the hash of an address
    channel         text NOT NULL CHECK (channel IN ('in_app', 'email', 'webhook', 'sms')),
    account         uuid,
    address         text,                   -- of a recipient without an account; cleared once it is settled
    language        text NOT NULL,
    state           text NOT NULL CHECK (state IN ('waiting', 'gathering', 'gathered', 'sent', 'dead')),
    made_at         timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    attempts        int NOT NULL DEFAULT 0,
    error           text,
    lease           uuid,                   -- of the worker that is sending; it ends at next_attempt_at
    sent_at         timestamptz,
    read_at         timestamptz,
    digest          uuid,                   -- the message that tells this one among others
    UNIQUE (key, recipient, channel)
);
CREATE INDEX message_notice ON notifications.message (notice_id);
CREATE INDEX message_inbox ON notifications.message (account, id) WHERE channel = 'in_app';
CREATE INDEX message_unread ON notifications.message (account, id) WHERE channel = 'in_app' AND read_at IS NULL;
CREATE INDEX message_due ON notifications.message (next_attempt_at) WHERE state IN ('waiting', 'gathering');
CREATE INDEX message_dead ON notifications.message (id) WHERE state = 'dead';
CREATE INDEX message_digest ON notifications.message (digest) WHERE digest IS NOT NULL;

-- How an account wants to be told. No row: the defaults.
CREATE TABLE notifications.preference (
    account        uuid PRIMARY KEY,
    language       text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    email          text,
    phone          text,
    webhook_url    text,
    webhook_secret text,                    -- signs webhooks, so it cannot be a hash
    channels       jsonb NOT NULL DEFAULT '{}',   -- by template, "*" for all others: a list of channels
    digest         text NOT NULL DEFAULT 'none' CHECK (digest IN ('none', 'hourly', 'daily')),
    digest_at      time NOT NULL DEFAULT '08:00', -- of the daily digest, the city's time
    quiet_from     time,                    -- the city's time; may lie after quiet_until: over midnight
    quiet_until    time,
    changed_at     timestamptz NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);

-- Who works in a department, who holds a role.
CREATE INDEX party_department ON identity.party (department) WHERE department IS NOT NULL;
CREATE INDEX role_grant_role ON identity.role_grant (role, party_id);
