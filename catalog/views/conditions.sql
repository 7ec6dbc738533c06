-- How many pictures of each condition of each species; the smallest classes come last.
-- species: Species id; NULL where nobody could tell
-- condition: Condition id; NULL where nobody could tell
-- pictures: Samples of the class, in a split or not
-- train: Samples in train
-- val: Samples in val
-- test: Samples in test
CREATE OR REPLACE VIEW conditions AS
SELECT species, "condition", count(*) AS pictures,
    count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
    count(*) FILTER (split = 'test') AS test
FROM samples GROUP BY ALL ORDER BY pictures DESC, species, "condition";
