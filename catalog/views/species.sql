-- How many pictures of each species, over which datasets and splits.
-- species: Species id; NULL where nobody could tell
-- pictures: Samples of the species, in a split or not
-- conditions: How many different conditions they show
-- datasets: How many source datasets they come from
-- train: Samples in train
-- val: Samples in val
-- test: Samples in test
CREATE OR REPLACE VIEW species AS
SELECT species, count(*) AS pictures, count(DISTINCT "condition") AS conditions,
    count(DISTINCT dataset) AS datasets,
    count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
    count(*) FILTER (split = 'test') AS test
FROM samples GROUP BY ALL ORDER BY pictures DESC, species;
