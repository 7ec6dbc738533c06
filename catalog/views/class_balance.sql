-- How unevenly the classes are filled: each class against the whole lake and against its species.
-- species: Species id
-- condition: Condition id
-- pictures: Samples of the class
-- share: Part of all labelled samples, 0 to 1
-- share_of_species: Part of the species' samples, 0 to 1
-- running_share: Part of all labelled samples in this class and every larger one
-- weight: Mean class size over this class' size: the weight under which all classes count alike
CREATE OR REPLACE VIEW class_balance AS
WITH classes AS (
    SELECT species, "condition", count(*) AS pictures FROM samples
    WHERE species IS NOT NULL AND "condition" IS NOT NULL GROUP BY ALL
)
SELECT species, "condition", pictures,
    pictures / sum(pictures) OVER () AS share,
    pictures / sum(pictures) OVER (PARTITION BY species) AS share_of_species,
    sum(pictures) OVER (ORDER BY pictures DESC, species, "condition") / sum(pictures) OVER ()
        AS running_share,
    avg(pictures) OVER () / pictures AS weight
FROM classes ORDER BY pictures DESC, species, "condition";
