-- Deadlines: what each case's limit is, when its clock stood, and what has been told of it.

CREATE TABLE cases.deadline (
    case_id       uuid PRIMARY KEY REFERENCES cases."case" (id),
    opened_at     timestamptz NOT NULL,
    limit_h       double precision,       -- none: a case from before; the next reckoning finds it
    clock         text NOT NULL CHECK (clock IN ('working', 'urgent')),
    amber_share   double precision NOT NULL,
    extra_h       double precision NOT NULL DEFAULT 0,  -- granted extensions
    pauses        jsonb NOT NULL DEFAULT '[]',          -- [[from, to], …], in order
    paused_at     timestamptz,            -- the clock stands since
    due_at        timestamptz NOT NULL,   -- the same as the case's
    amber_at      timestamptz NOT NULL,
    step          text,
    step_began_at timestamptz,
    step_limit_h  double precision,       -- none: the step has no limit of its own
    step_clock    text,
    step_due_at   timestamptz,
    told          text[] NOT NULL DEFAULT '{}',  -- amber, red, step, rung-1, …: each once
    next_at       timestamptz,            -- when something is to be told next
    calendar      text NOT NULL,          -- hash of the calendar that it was reckoned by
    running       boolean NOT NULL,
    risk          real,                   -- probability of being overdue in the end
    risk_at       timestamptz
) WITH (fillfactor = 80);
CREATE INDEX deadline_next ON cases.deadline (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deadline_calendar ON cases.deadline (calendar) WHERE running;
CREATE INDEX deadline_risk ON cases.deadline (risk DESC, case_id) WHERE running AND risk IS NOT NULL;

ALTER TABLE cases.city ADD COLUMN escalation jsonb NOT NULL DEFAULT '[]';

INSERT INTO cases.deadline (case_id, opened_at, clock, amber_share, due_at, amber_at, told, calendar, running)
SELECT id, opened_at, 'working', 0.25, due_at, due_at, CASE WHEN overdue_at IS NULL THEN '{}' ELSE '{amber,red}' END::text[],
    '', true
FROM cases."case" WHERE status IN ('desk', 'assigned', 'handling', 'checking');
