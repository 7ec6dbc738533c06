-- Sources, groups and bytes that lie in more than one side of the split by source. Must be empty;
-- lists up to 10,000.
-- kind: source, group, or sha256 for the same bytes
-- shared: The source, the group_id or the sha256
-- splits: The sides that it lies in
-- keys: The samples
CREATE OR REPLACE VIEW source_leaks AS
-- As split_leaks does it: numbers first, of those the ones held out, and texts where they meet.
WITH placed AS MATERIALIZED (
    SELECT hash(source) AS taker, hash(group_id) AS thing, phash,
        (CASE source_split WHEN 'train' THEN 1 WHEN 'val' THEN 2 ELSE 3 END)::UTINYINT AS place
    FROM samples WHERE source_split IS NOT NULL
),
held_out AS (SELECT * FROM placed WHERE place > 1),
takers AS (SELECT DISTINCT taker, place FROM placed),
suspect_groups AS (
    SELECT DISTINCT one.thing FROM placed AS one JOIN held_out AS other
        ON one.thing = other.thing AND one.place < other.place
),
suspect_bytes AS (
    SELECT DISTINCT one.phash FROM placed AS one JOIN held_out AS other
        ON one.phash = other.phash AND one.place < other.place
)
SELECT 'source' AS kind, source AS shared,
    list(DISTINCT source_split ORDER BY source_split) AS splits, list("key" ORDER BY "key") AS keys
FROM samples
WHERE source_split IS NOT NULL AND hash(source) IN (
    SELECT taker FROM takers GROUP BY taker HAVING count(*) > 1 LIMIT 10000
)
GROUP BY source HAVING min(source_split) <> max(source_split)
UNION ALL
SELECT 'group', group_id,
    list(DISTINCT source_split ORDER BY source_split), list("key" ORDER BY "key")
FROM samples
WHERE source_split IS NOT NULL AND hash(group_id) IN (SELECT thing FROM suspect_groups LIMIT 10000)
GROUP BY group_id HAVING min(source_split) <> max(source_split)
UNION ALL
SELECT 'sha256', sha256,
    list(DISTINCT source_split ORDER BY source_split), list("key" ORDER BY "key")
FROM samples
WHERE source_split IS NOT NULL AND phash IN (SELECT phash FROM suspect_bytes LIMIT 10000)
GROUP BY sha256 HAVING min(source_split) <> max(source_split);
