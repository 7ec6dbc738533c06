-- Groups that lie in more than one split, and bytes that do. Must be empty; lists up to 10,000.
-- kind: group, or sha256 for the same bytes
-- shared: The group_id or the sha256
-- splits: The splits that it lies in
-- keys: The samples
CREATE OR REPLACE VIEW split_leaks AS
-- Over a million groups this has to be fast, as everybody asks it: numbers are compared instead of
-- texts (the same bytes have the same perceptual hash), each sample only with those in val and
-- test, and the texts themselves only where the numbers meet. The LIMITs tell DuckDB that this is
-- seldom: without one it makes a table of all samples first (340 ms in place of 100 ms).
WITH placed AS MATERIALIZED (
    SELECT hash(group_id) AS thing, phash,
        (CASE split WHEN 'train' THEN 1 WHEN 'val' THEN 2 ELSE 3 END)::UTINYINT AS place
    FROM samples WHERE split IS NOT NULL
),
held_out AS (SELECT * FROM placed WHERE place > 1),
suspect_groups AS (
    SELECT DISTINCT one.thing FROM placed AS one JOIN held_out AS other
        ON one.thing = other.thing AND one.place < other.place
),
suspect_bytes AS (
    SELECT DISTINCT one.phash FROM placed AS one JOIN held_out AS other
        ON one.phash = other.phash AND one.place < other.place
)
SELECT 'group' AS kind, group_id AS shared, list(DISTINCT split ORDER BY split) AS splits,
    list("key" ORDER BY "key") AS keys
FROM samples
WHERE split IS NOT NULL AND hash(group_id) IN (SELECT thing FROM suspect_groups LIMIT 10000)
GROUP BY group_id HAVING min(split) <> max(split)
UNION ALL
SELECT 'sha256', sha256, list(DISTINCT split ORDER BY split), list("key" ORDER BY "key")
FROM samples
WHERE split IS NOT NULL AND phash IN (SELECT phash FROM suspect_bytes LIMIT 10000)
GROUP BY sha256 HAVING min(split) <> max(split);
