-- The dispatcher learns from the city's own cases: champion and challenger, and the promise that the
-- city declares.

ALTER TABLE cases.city ADD COLUMN dispatch_precision real;  -- none: dispatch_confidence_min alone

ALTER TABLE cases.dispatch_model
    ADD COLUMN taught_by   text NOT NULL DEFAULT 'examples' CHECK (taught_by IN ('examples', 'cases')),
    ADD COLUMN comparison  jsonb,                             -- with the champion of then, on the hold-out
    ADD COLUMN promoted_at timestamptz;
CREATE INDEX dispatch_model_trained ON cases.dispatch_model (trained_at);

-- What the city has decided to the end, newest first: what the dispatcher learns from.
CREATE INDEX case_taught ON cases."case" (id)
    WHERE status IN ('closed', 'rated') AND category IS NOT NULL AND source <> 'alarm';
