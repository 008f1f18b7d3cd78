-- Commands to devices, and the state that is desired of a device beside the one that it reports.

CREATE TABLE sensing.command (
    id           uuid PRIMARY KEY,
    device       int NOT NULL REFERENCES sensing.device ON DELETE CASCADE,
    command      text NOT NULL,
    parameters   jsonb NOT NULL,
    grade        text NOT NULL CHECK (grade IN ('routine', 'operational', 'critical')),
    state        text NOT NULL CHECK (state IN ('awaiting_approval', 'requested', 'sent', 'accepted', 'done',
                                                'failed', 'timed_out', 'expired', 'cancelled')),
    requested_at timestamptz NOT NULL,
    requested_by uuid,
    approved_at  timestamptz,
    approved_by  uuid,
    expires_at   timestamptz NOT NULL,
    timeout_s    int NOT NULL,
    sends_max    int,                    -- NULL: until it expires
    sends        int NOT NULL DEFAULT 0,
    next_send_at timestamptz,            -- NULL: it is not to be sent (again)
    accepted_at  timestamptz,
    ended_at     timestamptz,
    result       jsonb
);
CREATE INDEX command_device ON sensing.command (device, id);
CREATE INDEX command_due ON sensing.command (next_send_at) WHERE next_send_at IS NOT NULL;
CREATE INDEX command_open ON sensing.command (expires_at) WHERE ended_at IS NULL;

-- A shadow of the device: what it should be like, and what it last said that it is like.
CREATE TABLE sensing.device_state (
    device           int PRIMARY KEY REFERENCES sensing.device ON DELETE CASCADE,
    desired          jsonb NOT NULL DEFAULT '{}',
    desired_version  bigint NOT NULL DEFAULT 0,
    desired_at       timestamptz,
    reported         jsonb NOT NULL DEFAULT '{}',
    reported_version bigint NOT NULL DEFAULT 0,
    reported_at      timestamptz
);
