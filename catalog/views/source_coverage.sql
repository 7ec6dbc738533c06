-- What the split by source can judge: a class of which pictures are held out from other sources
-- than it is learnt from. Classes whose source is one and the same are in train as a whole.
-- species: Species id
-- condition: Condition id
-- pictures: Samples of the class that are in the split
-- sources: Who took them
-- train: Samples in train
-- val: Samples in val
-- test: Samples in test
-- is_judged: Whether test has any
CREATE OR REPLACE VIEW source_coverage AS
SELECT species, "condition", count(*) AS pictures, count(DISTINCT source) AS sources,
    count(*) FILTER (source_split = 'train') AS train,
    count(*) FILTER (source_split = 'val') AS val,
    count(*) FILTER (source_split = 'test') AS test, test > 0 AS is_judged
FROM samples WHERE source_split IS NOT NULL
GROUP BY ALL ORDER BY pictures DESC, species, "condition";
