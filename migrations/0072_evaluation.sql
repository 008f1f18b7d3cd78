-- Evaluation: what is known of each case in one narrow row, its sums by day and by month, call-backs, and
-- the monthly reports.

-- By transaction, not by time: a row that was written earlier may be committed later, and must not be
-- passed over. Rows from before have none; all cases wait in evaluation_due_case instead.
ALTER TABLE cases.timeline ADD COLUMN txid xid8;
ALTER TABLE cases.timeline ALTER COLUMN txid SET DEFAULT pg_current_xact_id();
CREATE INDEX timeline_txid ON cases.timeline (txid);

CREATE TABLE cases.indicator (
    name       text PRIMARY KEY,
    scene      text NOT NULL,
    position   int NOT NULL UNIQUE,        -- its place in the arrays below, from 1, never given again
    shown      int NOT NULL,               -- order on screens
    spec       jsonb NOT NULL,
    operator   text NOT NULL,
    basis      text NOT NULL,
    measure    text,
    of_all     int NOT NULL,               -- facts as bits
    of_none    int NOT NULL,
    where_all  int NOT NULL,
    where_none int NOT NULL,
    retired    boolean NOT NULL DEFAULT false
);

CREATE TABLE cases.evaluation (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    city       jsonb NOT NULL DEFAULT '{"zh": "", "en": ""}',
    settings   jsonb NOT NULL DEFAULT '{}',
    read_to    xid8 NOT NULL DEFAULT '0',  -- every transaction below it has been read
    kept_at    timestamptz
);
INSERT INTO cases.evaluation DEFAULT VALUES;

-- One row a case. No foreign key: the case is never deleted, and a check for each row would cost.
CREATE TABLE cases.fact (
    case_id      uuid PRIMARY KEY,
    opened_day   date NOT NULL,            -- of the city's own time
    closed_day   date,
    department   text,
    district     text,
    street       text,
    category     text,
    source       text NOT NULL,
    person       uuid,                     -- who accepted or finished it last
    facts        int NOT NULL,
    response_h   real,
    resolution_h real,
    handling_h   real,
    score        real
);
CREATE INDEX fact_opened ON cases.fact (opened_day, case_id);
CREATE INDEX fact_closed ON cases.fact (closed_day, case_id) WHERE closed_day IS NOT NULL;
CREATE INDEX fact_department_opened ON cases.fact (department, opened_day);
CREATE INDEX fact_department_closed ON cases.fact (department, closed_day);
CREATE INDEX fact_district_opened ON cases.fact (district, opened_day);
CREATE INDEX fact_district_closed ON cases.fact (district, closed_day);
CREATE INDEX fact_category_opened ON cases.fact (category, opened_day);
CREATE INDEX fact_category_closed ON cases.fact (category, closed_day);
CREATE INDEX fact_street ON cases.fact (street);
CREATE INDEX fact_person ON cases.fact (person) WHERE person IS NOT NULL;

CREATE TABLE cases.evaluation_person (
    id   uuid PRIMARY KEY,
    name jsonb NOT NULL
);

CREATE TABLE cases.evaluation_due_case (case_id uuid PRIMARY KEY);
INSERT INTO cases.evaluation_due_case SELECT id FROM cases."case";
CREATE TABLE cases.evaluation_due_day (day date PRIMARY KEY);
CREATE TABLE cases.evaluation_due_month (month date PRIMARY KEY);

-- Sums of one day along one cut: everything, by department, district, street, category, source, person.
-- Arrays by the indicators' positions: one row is read for all of them.
CREATE TABLE cases.evaluation_day (
    day          date NOT NULL,
    cut          text NOT NULL,
    key          text NOT NULL,
    denominators bigint[] NOT NULL,
    numerators   double precision[] NOT NULL,
    squares      double precision[] NOT NULL,
    PRIMARY KEY (cut, day, key)
);
CREATE INDEX evaluation_day_key ON cases.evaluation_day (cut, key, day);

-- The same of a month; with a category, the part that is of it, from which rankings are adjusted.
CREATE TABLE cases.evaluation_month (
    month        date NOT NULL,
    cut          text NOT NULL,
    key          text NOT NULL,
    category     text NOT NULL,            -- '': all
    denominators bigint[] NOT NULL,
    numerators   double precision[] NOT NULL,
    squares      double precision[] NOT NULL,
    PRIMARY KEY (cut, month, category, key)
);
CREATE TABLE cases.evaluation_made (
    month   date PRIMARY KEY,
    made_at timestamptz NOT NULL
);

-- Call-backs: each attempt is a row.
CREATE TABLE cases.callback (
    id          uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES cases."case" (id),
    time        timestamptz NOT NULL,
    caller_id   uuid,
    caller_name jsonb NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('answered', 'no_answer', 'refused')),
    score       smallint CHECK (score BETWEEN 1 AND 5),
    resolved    boolean,
    comment     text
);
CREATE INDEX callback_case ON cases.callback (case_id, id);

-- A repeat is the same telephone in the same category.
CREATE INDEX case_phone ON cases."case" ((reporter ->> 'phone'), category, id)
    WHERE reporter ->> 'phone' IS NOT NULL;

CREATE TABLE cases.report (
    id         uuid PRIMARY KEY,
    month      date NOT NULL,
    language   text NOT NULL,
    state      text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'made', 'failed')),
    asked_at   timestamptz NOT NULL,
    asked_by   jsonb NOT NULL,
    made_at    timestamptz,
    pdf_hash   text,
    xlsx_hash  text,
    pdf_bytes  bigint,
    xlsx_bytes bigint,
    figures    jsonb,                      -- the numbers within, as the doors told them
    reason     text
);
CREATE INDEX report_month ON cases.report (month DESC, asked_at DESC);
CREATE INDEX report_asked ON cases.report (asked_at) WHERE state = 'asked';
