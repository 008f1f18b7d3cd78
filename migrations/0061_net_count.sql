-- How many devices the net had each minute, so that its trend needs no history of silence.
CREATE TABLE sensing.net_count (
    slot    timestamptz PRIMARY KEY,    -- start of the minute
    devices int NOT NULL,
    online  int NOT NULL,
    never   int NOT NULL                -- never heard
);
