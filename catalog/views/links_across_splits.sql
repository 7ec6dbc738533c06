-- Pairs of samples that are linked and lie in two splits. Of near_copy and shots there must be none;
-- the others say where a group was full, or where both had their split before the link was known.
-- kind: near_copy, shots, same_thing, burst or numbered
-- distance: How unlike the two are, as the kind measures it
-- key: One sample
-- split: Its split
-- other: The other sample
-- other_split: Its split
CREATE OR REPLACE VIEW links_across_splits AS
-- Few samples have a link: picking them first leaves a small table to join.
WITH ends AS (SELECT "key" FROM links UNION ALL SELECT other FROM links),
linked AS MATERIALIZED (
    SELECT "key", split FROM samples WHERE split IS NOT NULL AND "key" IN (SELECT "key" FROM ends)
)
SELECT kind, distance, links."key", one.split, other, another.split AS other_split
FROM links JOIN linked AS one ON one."key" = links."key"
    JOIN linked AS another ON another."key" = links.other
WHERE one.split <> another.split;
