-- Full-text search of cases, in Chinese and English, without an extension.

-- What a case says, as lists show it (numbers of persons masked), in a narrow table in order of time, so that
-- a search for what is frequent reads the newest pages only, and a change of status touches no search index.
CREATE TABLE cases.search (
    case_id uuid PRIMARY KEY REFERENCES cases."case" (id) ON DELETE CASCADE,
    body    text NOT NULL,                 -- number, text, address, names of the category; folded
    notes   text NOT NULL DEFAULT ''       -- what offices wrote and what photos say; not for the reporter
);

-- One form for what looks alike: full and half width, capital and small letters, any run of white space.
CREATE FUNCTION cases.fold(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT btrim(regexp_replace(lower(normalize(written, NFKC) COLLATE pg_c_utf8), '\s+', ' ', 'g'))
$$;

-- The grams of a folded text: overlapping pairs of Chinese characters, overlapping threes of letters and
-- digits. The last of a run are shorter, so that also one character alone begins some gram.
CREATE FUNCTION cases.grams(folded text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 5000 AS $$
    SELECT array_to_tsvector(ARRAY(
        SELECT substr(run[1], i, 2)
        FROM regexp_matches(folded, '[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+', 'g') AS run,
            generate_series(1, length(run[1])) AS i
        UNION
        SELECT substr(run[1], i, 3)
        FROM regexp_matches(folded, '[a-z0-9\u00df-\u024f\u0370-\u04ff]+', 'g') AS run,
            generate_series(1, length(run[1])) AS i))
$$;

-- Without the pending list: it would be read whole by every search, and some intake would have to empty it.
CREATE INDEX search_grams ON cases.search USING gin (cases.grams(body || ' ' || notes)) WITH (fastupdate = off);
ALTER INDEX cases.search_grams ALTER COLUMN 1 SET STATISTICS 500;

INSERT INTO cases.search (case_id, body)
SELECT c.id, cases.fold(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        concat_ws(' ', c.number, c.text, c.address, k.name ->> 'zh', k.name ->> 'en',
            p.name ->> 'zh', p.name ->> 'en'),
        '(?<!\d)(\d{6})(\d{8})(\d{3}[\dXx])(?!\d)', '\1********\3', 'g'),
        '(?<!\d)(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)', '\1****\3', 'g'),
        '(?<!\d)(0\d{2,3})[ -]?(\d{3,4})(\d{4})(?!\d)', '\1-****\3', 'g'),
        '([A-Za-z0-9._%+-])[A-Za-z0-9._%+-]*(@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)', '\1***\2', 'g'))
FROM cases."case" c
LEFT JOIN cases.category k ON k.code = c.category
LEFT JOIN cases.category p ON p.code = k.parent;
