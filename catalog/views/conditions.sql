-- How many pictures of each condition of each species; the smallest classes come last.
CREATE OR REPLACE VIEW conditions AS
SELECT species, "condition", count(*) AS pictures, count(DISTINCT group_id) AS groups,
    count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
    count(*) FILTER (split = 'test') AS test
FROM samples GROUP BY ALL ORDER BY pictures DESC, species, "condition";
