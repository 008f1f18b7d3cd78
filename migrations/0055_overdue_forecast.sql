-- The forecast of overdue: what was learned from closed cases, and how well it foretold later ones.

CREATE TABLE cases.forecast (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('model', 'rates')),
    hash       text NOT NULL,              -- of its arrays in the file store
    report     jsonb NOT NULL,
    trained_at timestamptz NOT NULL,
    current    boolean NOT NULL
);
CREATE UNIQUE INDEX forecast_current ON cases.forecast (current) WHERE current;
