-- The packs that the city runs on, whole, so that every process works from the same ones
-- whatever lies in its own checkout.

CREATE TABLE infra.installed_pack (
    kind         text NOT NULL CHECK (kind IN ('city', 'scene')),
    name         text NOT NULL,
    version      text NOT NULL,
    content_hash text NOT NULL,           -- digest of its files, the release, the mode
    content      jsonb NOT NULL,
    position     integer NOT NULL,        -- order of installation: requirements come first
    installed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);
