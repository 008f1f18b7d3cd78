-- Lanes with one owner each, and hot readings in large runs.

-- Taking a lane over raises `epoch`; a batch is stored only by whoever has the epoch. Up to
-- `sequence` of the stream, which arrived at `arrived_us`, the lane is stored.
CREATE TABLE sensing.lane (
    lane       int PRIMARY KEY,
    epoch      bigint NOT NULL,
    batch      bigint NOT NULL,
    sequence   bigint NOT NULL,
    arrived_us bigint NOT NULL          -- µs since 1970: a stream set up anew counts from 1 again
);

-- Readings of large batches, sorted by (series, time) within each. Of a hundred thousand rows a
-- second no tree can be kept; block ranges are summarised while the table grows.
CREATE TABLE sensing.reading_run (
    series int NOT NULL,
    time   timestamptz NOT NULL,
    value  double precision NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX reading_run_ranges ON sensing.reading_run
    USING brin (series, time) WITH (pages_per_range = 16, autosummarize = on);

-- Both tables have the same hours.
DO $$
DECLARE part record;
BEGIN
    FOR part IN
        SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'sensing.reading'::regclass
    LOOP
        EXECUTE format('CREATE TABLE sensing.%I PARTITION OF sensing.reading_run %s',
                       replace(part.name, 'reading_', 'reading_run_'), part.bound);
    END LOOP;
END $$;
