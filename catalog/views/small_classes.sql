-- Classes with too few groups to be in train, val and test: they wait for more pictures.
-- species: Species id
-- condition: Condition id
-- pictures: Samples of the class that are in no split
-- groups: Different things that they show; a class needs three
-- folders: Class folders that they come from
CREATE OR REPLACE VIEW small_classes AS
SELECT species, "condition", count(*) AS pictures, count(DISTINCT group_id) AS groups,
    count(DISTINCT (dataset, folder)) AS folders
FROM samples
WHERE split IS NULL AND status = 'ok' AND species IS NOT NULL AND "condition" IS NOT NULL
GROUP BY ALL ORDER BY pictures DESC, species, "condition";
