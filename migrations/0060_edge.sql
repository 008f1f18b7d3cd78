-- Edge sites: who they are, what they should run, and how they last said they were.

CREATE TABLE sensing.edge (
    edge          text PRIMARY KEY,
    label         jsonb NOT NULL,
    pinned        text,                 -- the bundle to keep to; none: the newest
    registered_at timestamptz NOT NULL,
    reported_at   timestamptz,
    report        jsonb                 -- program, bundle, waiting, forwarded, link_down_s
);

-- What edge sites were told to know, by the hash of its content, so that one may be held back or
-- sent back to an older one.
CREATE TABLE sensing.edge_bundle (
    version text PRIMARY KEY,
    content jsonb NOT NULL,
    made_at timestamptz NOT NULL
);
