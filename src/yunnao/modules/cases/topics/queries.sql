-- name: state_begin
INSERT INTO cases.topic_state (messages, grams, last_case) VALUES (0, %(grams)s, %(nil)s) ON CONFLICT DO NOTHING;

-- name: state_lock
SELECT messages, grams, last_case FROM cases.topic_state FOR UPDATE;

-- name: state_update
UPDATE cases.topic_state SET messages = %(messages)s, grams = %(grams)s, last_case = %(last_case)s;

-- name: cases_next
-- Ids are made before they are committed: what is younger than `until` may still have an older one beside it.
SELECT id, title, text, opened_at FROM cases."case"
WHERE id > %(after)s AND opened_at < %(until)s AND source <> 'alarm' AND status <> 'rejected'
ORDER BY id LIMIT %(limit)s;

-- name: topics_held
-- Those that messages of these weeks may join, the oldest first.
SELECT id, messages, sum, first_at, last_at
FROM (SELECT id, messages, sum, first_at, last_at FROM cases.topic
      WHERE joined_to IS NULL AND last_at >= %(since)s ORDER BY last_at DESC LIMIT %(limit)s) held
ORDER BY id;

-- name: topics_upsert
INSERT INTO cases.topic (id, phrases, places, messages, people, first_at, last_at, sum)
SELECT t.id, '{}', '{}', t.messages, t.messages, t.first_at, t.last_at, t.sum
FROM unnest(%(ids)s::uuid[], %(messages)s::int[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[],
            %(sums)s::bytea[]) AS t (id, messages, first_at, last_at, sum)
ON CONFLICT (id) DO UPDATE SET messages = excluded.messages, first_at = excluded.first_at,
    last_at = excluded.last_at, sum = excluded.sum;

-- name: topics_join
UPDATE cases.topic t SET joined_to = j.older
FROM unnest(%(youngers)s::uuid[], %(olders)s::uuid[]) AS j (younger, older) WHERE t.id = j.younger;

-- name: topic_cases_move
UPDATE cases.topic_case c SET topic_id = j.older
FROM unnest(%(youngers)s::uuid[], %(olders)s::uuid[]) AS j (younger, older) WHERE c.topic_id = j.younger;

-- name: topic_cases_insert
INSERT INTO cases.topic_case (case_id, topic_id, opened_at)
SELECT * FROM unnest(%(cases)s::uuid[], %(topics)s::uuid[], %(times)s::timestamptz[]) ON CONFLICT DO NOTHING;

-- name: topics_prune
-- One message that nobody else took up is no topic; its case stays where it is.
WITH lone AS (SELECT id FROM cases.topic
              WHERE joined_to IS NULL AND messages < %(told_min)s AND last_at < %(before)s
                AND NOT EXISTS (SELECT FROM cases.topic y WHERE y.joined_to = topic.id) LIMIT %(limit)s),
     gone AS (DELETE FROM cases.topic_case c USING lone WHERE c.topic_id = lone.id)
SELECT id FROM lone;

-- name: topics_delete
DELETE FROM cases.topic WHERE id = ANY(%(ids)s::uuid[]);

-- name: titles_newest
SELECT title FROM cases."case" ORDER BY id DESC LIMIT %(limit)s;

-- name: topic_titles
-- The newest titles of each topic, in the order in which they came.
SELECT t.id, array_agg(m.title ORDER BY m.id) AS titles
FROM unnest(%(ids)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (SELECT c.id, c.title FROM cases.topic_case tc JOIN cases."case" c ON c.id = tc.case_id
                    WHERE tc.topic_id = t.id ORDER BY tc.opened_at DESC LIMIT %(limit)s) m
GROUP BY t.id;

-- name: topics_describe
-- What a topic is called, and who and where it concerns, counted over its cases.
UPDATE cases.topic t SET phrases = d.phrases, places = d.places, people = counted.people,
    district = counted.district, lon = counted.lon, lat = counted.lat
FROM (SELECT i.id, ARRAY(SELECT jsonb_array_elements_text(i.phrases)) AS phrases,
          ARRAY(SELECT jsonb_array_elements_text(i.places)) AS places
      FROM unnest(%(ids)s::uuid[], %(phrases)s::jsonb[], %(places)s::jsonb[]) AS i (id, phrases, places)) d
CROSS JOIN LATERAL (
    SELECT count(DISTINCT coalesce(c.reporter_id::text, nullif(c.reporter ->> 'phone', ''), c.id::text)) AS people,
        mode() WITHIN GROUP (ORDER BY c.district) AS district, avg(c.lon) AS lon, avg(c.lat) AS lat
    FROM cases.topic_case tc JOIN cases."case" c ON c.id = tc.case_id WHERE tc.topic_id = d.id) counted
WHERE t.id = d.id;

-- name: topics_told
SELECT id, phrases, places, messages, people, district, lon, lat, first_at, last_at
FROM cases.topic
WHERE joined_to IS NULL AND messages >= %(told_min)s AND last_at >= %(since)s
ORDER BY last_at DESC LIMIT %(limit)s;

-- name: topic_get
SELECT id, joined_to, phrases, places, messages, people, district, lon, lat, first_at, last_at
FROM cases.topic WHERE id = %(id)s AND (messages >= %(told_min)s OR joined_to IS NOT NULL);

-- name: topics_votes
-- Who said "me too" to a case of a topic.
SELECT tc.topic_id, count(*) AS votes
FROM cases.topic_case tc JOIN cases.follower f ON f.case_id = tc.case_id
WHERE tc.topic_id = ANY(%(ids)s::uuid[]) GROUP BY tc.topic_id;

-- name: topics_times
-- Of the newest weeks, for the series and the trend.
SELECT topic_id, opened_at FROM cases.topic_case
WHERE topic_id = ANY(%(ids)s::uuid[]) AND opened_at >= %(since)s ORDER BY opened_at;

-- name: topic_cases
-- Of what the reader may list; the others are counted in the topic and not shown.
SELECT c.id, c.number, c.title, c.status, c.category, c.department, c.district, c.lon, c.lat, c.opened_at
FROM cases.topic_case tc JOIN cases."case" c ON c.id = tc.case_id
WHERE tc.topic_id = %(id)s
  AND (%(everything)s::boolean OR c.department = %(own_department)s::text
       OR c.reporter_id = %(own_reporter)s::uuid)
ORDER BY tc.opened_at DESC LIMIT %(limit)s;
