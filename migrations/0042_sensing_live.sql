-- What the live table keeps in PostgreSQL: whose series its rows are, and the newest texts.

-- One row; a database restored from a copy keeps it, since its series keep their numbers.
CREATE TABLE sensing.live (
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO sensing.live DEFAULT VALUES;

-- The newest reading of each series whose values are texts, for which the table's columns have no room.
CREATE TABLE sensing.latest_text (
    series     int PRIMARY KEY,
    time       timestamptz NOT NULL,
    value_text text NOT NULL
) WITH (fillfactor = 50);               -- every update stays on its page and touches no index
