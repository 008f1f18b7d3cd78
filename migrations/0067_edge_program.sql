-- Programs for edge sites: what was released, and which site shall run which.

CREATE TABLE sensing.edge_program (
    version     text PRIMARY KEY,       -- the package's version, then the beginning of the content's hash
    hash        text NOT NULL,          -- in the file store
    size        integer NOT NULL,       -- bytes
    signature   text NOT NULL,          -- Ed25519 over the hash, by the key that sites were given
    released_at timestamptz NOT NULL
);

ALTER TABLE sensing.edge ADD COLUMN program text REFERENCES sensing.edge_program (version);  -- none: its own
