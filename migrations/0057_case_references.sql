-- When a case that another system knows was reported there; its own clock starts when it is accepted here.
ALTER TABLE cases.external_reference ADD COLUMN IF NOT EXISTS reported_at timestamptz;
