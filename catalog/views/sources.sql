-- Who or what took the pictures, and which side of the split by source each is on; the largest first.
-- source: KIND:NAME, what the pictures share in samples
-- kind: photographer, picture, web, day, camera, dataset, or a word of somebody's own
-- pictures: Samples that it took, in a split or not
-- datasets: Source datasets that hold them
-- classes: How many different species and conditions they show
-- split: Its side, samples.source_split; NULL where none of its pictures has one
CREATE OR REPLACE VIEW sources AS
SELECT source, split_part(source, ':', 1) AS kind, count(*) AS pictures,
    count(DISTINCT dataset) AS datasets, count(DISTINCT (species, "condition")) AS classes,
    any_value(source_split) AS split
FROM samples GROUP BY source ORDER BY pictures DESC, source;
