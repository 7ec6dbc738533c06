-- Groups that lie in more than one split, and bytes that do. Must be empty.
CREATE OR REPLACE VIEW split_leaks AS
SELECT 'group' AS kind, group_id AS shared, list(DISTINCT split ORDER BY split) AS splits,
    list("key" ORDER BY "key") AS keys
FROM samples WHERE split IS NOT NULL GROUP BY ALL HAVING count(DISTINCT split) > 1
UNION ALL
SELECT 'sha256', sha256, list(DISTINCT split ORDER BY split), list("key" ORDER BY "key")
FROM samples WHERE split IS NOT NULL GROUP BY ALL HAVING count(DISTINCT split) > 1;
