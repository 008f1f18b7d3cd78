-- Cases: what packs declare (categories, types, flows, duties), the cases themselves, their
-- timeline (append only), photos, and the dispatcher's examples and models.

CREATE SCHEMA cases;

-- Grows with each installation or training; processes reload what they hold when it has moved.
CREATE TABLE cases.revision (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO cases.revision DEFAULT VALUES;

CREATE TABLE cases.city (
    one                     boolean PRIMARY KEY DEFAULT true CHECK (one),
    city                    text NOT NULL,
    code                    text NOT NULL,
    number_prefix           text NOT NULL,
    time_zone               text NOT NULL,
    dispatch_confidence_min real NOT NULL,
    fallback                text NOT NULL,
    calendar                jsonb NOT NULL
);

CREATE TABLE cases.duty (
    position   int PRIMARY KEY,
    category   text,                       -- none: every category
    area       text,                       -- none: the whole city
    department text NOT NULL               -- an id, {district} or {street}
);

CREATE TABLE cases.category (
    code     text PRIMARY KEY,
    scene    text NOT NULL,
    name     jsonb NOT NULL,
    parent   text,
    deadline jsonb,
    keywords text[] NOT NULL DEFAULT '{}',
    position int NOT NULL,
    retired  boolean NOT NULL DEFAULT false -- left its pack, but cases may name it
);

-- Versions of flows by content; running cases keep theirs, so none is ever deleted.
CREATE TABLE cases.flow (
    hash       text PRIMARY KEY,
    bpmn       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cases.case_type (
    type        text PRIMARY KEY,
    scene       text NOT NULL,
    label       jsonb NOT NULL,
    flow_hash   text NOT NULL REFERENCES cases.flow (hash),
    deadline    jsonb NOT NULL,
    form        jsonb NOT NULL,
    reported_by text[] NOT NULL,
    position    int NOT NULL,
    retired     boolean NOT NULL DEFAULT false
);

CREATE TABLE cases.example (
    scene    text NOT NULL,
    category text NOT NULL,
    position int NOT NULL,
    text     text NOT NULL,
    PRIMARY KEY (scene, category, position)
);

CREATE TABLE cases.dispatch_model (
    hash          text PRIMARY KEY,         -- of the file in the file store
    examples_hash text NOT NULL,
    report        jsonb NOT NULL,
    trained_at    timestamptz NOT NULL DEFAULT now(),
    current       boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX dispatch_model_current ON cases.dispatch_model (current) WHERE current;

-- A sequence takes no lock, so intakes do not wait for each other; the day's base makes the
-- numbers of each day begin at 1.
CREATE SEQUENCE cases.number;
CREATE TABLE cases.number_day (
    day  date PRIMARY KEY,
    base bigint NOT NULL
);

CREATE TABLE cases."case" (
    id             uuid PRIMARY KEY,       -- UUIDv7: newest last
    number         text NOT NULL UNIQUE,
    tracking_hash  bytea NOT NULL UNIQUE,  -- SHA-256; the code itself is nowhere
    source         text NOT NULL,
    scene          text NOT NULL,
    case_type      text NOT NULL,
    flow_hash      text NOT NULL REFERENCES cases.flow (hash),
    status         text NOT NULL,
    category       text,
    department     text,
    title          text NOT NULL,
    text           text NOT NULL,
    address        text,
    lon            double precision,
    lat            double precision,
    district       text,
    street         text,
    reporter       jsonb,                  -- personal: name, phone, email
    reporter_id    uuid,                   -- the account that reported
    fields         jsonb NOT NULL DEFAULT '{}',
    automatic      boolean NOT NULL,
    confidence     real NOT NULL,
    dispatch       jsonb NOT NULL,
    alarm_id       uuid UNIQUE,
    entity         text,
    severity       text,
    trace_id       text,
    opened_at      timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    overdue_at     timestamptz,            -- when the passed deadline was noticed
    closed_at      timestamptz,
    changed_at     timestamptz NOT NULL,
    score          smallint CHECK (score BETWEEN 1 AND 5),
    rating_comment text,
    workflow       jsonb NOT NULL          -- SpiffWorkflow's state without its specification
);
CREATE INDEX case_status ON cases."case" (status, id);
CREATE INDEX case_department ON cases."case" (department, id);
CREATE INDEX case_category ON cases."case" (category, id);
CREATE INDEX case_district ON cases."case" (district, id);
CREATE INDEX case_reporter ON cases."case" (reporter_id, id) WHERE reporter_id IS NOT NULL;
CREATE INDEX case_opened_at ON cases."case" (opened_at);
CREATE INDEX case_closed_at ON cases."case" (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX case_running ON cases."case" (due_at)
    WHERE status IN ('desk', 'assigned', 'handling', 'checking');
CREATE INDEX case_entity_running ON cases."case" (entity, category)
    WHERE entity IS NOT NULL AND status IN ('desk', 'assigned', 'handling', 'checking');
CREATE INDEX case_lon ON cases."case" (lon, lat) WHERE lon IS NOT NULL;

-- Every alarm that a case stands for: the one that opened it and those that joined.
CREATE TABLE cases.alarm (
    alarm_id uuid PRIMARY KEY,
    case_id  uuid NOT NULL REFERENCES cases."case" (id)
);
CREATE INDEX alarm_case ON cases.alarm (case_id);

CREATE TABLE cases.informed (
    case_id    uuid NOT NULL REFERENCES cases."case" (id),
    department text NOT NULL,
    PRIMARY KEY (case_id, department)
);

CREATE TABLE cases.timeline (
    id         uuid PRIMARY KEY,
    case_id    uuid NOT NULL REFERENCES cases."case" (id),
    time       timestamptz NOT NULL,
    event      text NOT NULL,
    actor_id   uuid,
    actor_name jsonb NOT NULL,
    actor_kind text NOT NULL,
    comment    text,
    department text,
    category   text,
    photos     uuid[] NOT NULL DEFAULT '{}',
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX timeline_case ON cases.timeline (case_id, id);

CREATE FUNCTION cases.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cases.timeline is append-only';
END $$;
CREATE TRIGGER timeline_append_only BEFORE UPDATE OR DELETE ON cases.timeline
    FOR EACH ROW EXECUTE FUNCTION cases.refuse_change();

CREATE TABLE cases.photo (
    id          uuid PRIMARY KEY,
    hash        text NOT NULL,
    thumb_hash  text NOT NULL,
    media_type  text NOT NULL,
    width       int NOT NULL,
    height      int NOT NULL,
    lon         double precision,          -- EXIF
    lat         double precision,
    taken_at    timestamptz,
    case_id     uuid REFERENCES cases."case" (id),
    sender_id   uuid,                      -- the account that sent it; none: anonymous
    created_at  timestamptz NOT NULL
);
CREATE INDEX photo_case ON cases.photo (case_id);
