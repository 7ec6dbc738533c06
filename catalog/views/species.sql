-- How many pictures of each species, over which datasets and splits.
CREATE OR REPLACE VIEW species AS
SELECT species, count(*) AS pictures, count(DISTINCT "condition") AS conditions,
    count(DISTINCT dataset) AS datasets,
    count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
    count(*) FILTER (split = 'test') AS test
FROM samples GROUP BY ALL ORDER BY pictures DESC, species;
