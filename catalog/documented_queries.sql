-- Questions that people ask of a lake. Each has a title, one or more lines that begin with --, and
-- then one statement. docs/lake.md shows them, a test runs them, and `just scale` times them.

-- Pictures of each species
FROM species;

-- Pictures of each condition of one species
FROM conditions WHERE species = 'tomato';

-- The twenty smallest classes that are in the splits
SELECT species, condition, pictures, train, val, test FROM conditions
WHERE train > 0 ORDER BY pictures LIMIT 20;

-- How uneven the classes are, and how many of them hold half of all pictures
SELECT count(*) AS classes, count(*) FILTER (running_share <= 0.5) AS hold_half,
    max(pictures) AS largest, median(pictures) AS median, min(pictures) AS smallest
FROM class_balance;

-- Classes that wait for more pictures before they can be split
FROM small_classes LIMIT 20;

-- How many pictures each flag finds
SELECT flag, count(*) AS pictures FROM quality_flags GROUP BY flag ORDER BY pictures DESC;

-- The most blurred pictures of a species
SELECT key, value AS sharpness, condition, source_path FROM quality_flags
WHERE flag = 'blurry' AND species = 'tomato' ORDER BY sharpness LIMIT 20;

-- Folders whose labels somebody should decide, those with most pictures first
SELECT dataset, folder, species, condition, rule, confidence, pictures FROM label_review
ORDER BY pictures DESC, dataset, folder LIMIT 20;

-- The same bytes more than once
SELECT sha256, pictures FROM duplicates ORDER BY pictures DESC, sha256 LIMIT 20;

-- The largest groups of pictures that show one thing
SELECT group_id, pictures FROM groups ORDER BY pictures DESC, group_id LIMIT 20;

-- All pictures of what one picture shows
SELECT key, split, source_path FROM samples
WHERE group_id = (SELECT group_id FROM samples WHERE key = '000000-00007');

-- Does anything lie in two splits? The answer has to be empty
FROM split_leaks;

-- Who took most of the pictures, and on which side of the split by source they lie
FROM sources LIMIT 20;

-- How many pictures of each dataset test what a model makes of another photographer's pictures
SELECT dataset, count(*) FILTER (source_split = 'test') AS test, count(*) AS pictures,
    count(DISTINCT (species, condition)) FILTER (source_split = 'test') AS classes_judged
FROM samples GROUP BY dataset ORDER BY test DESC, dataset;

-- Does a source or a group lie on two sides of that split? The answer has to be empty
FROM source_leaks;

-- Why pictures are taken to show one thing
SELECT kind, count(*) AS pairs, median(distance) AS median FROM links
GROUP BY kind ORDER BY pairs DESC;

-- Pictures in no split, by reason
SELECT why, count(*) AS pictures FROM unsplit GROUP BY why ORDER BY pictures DESC;

-- One picture under two labels
SELECT sha256, dataset, folder, species, condition FROM conflicts LIMIT 20;

-- Files that were turned away
FROM rejections_by_reason;

-- Datasets, with what they bring
SELECT dataset, count(*) AS pictures, count(DISTINCT species) AS species,
    count(*) FILTER (split = 'test') AS test, sum(source_bytes) / 1e9 AS gigabytes
FROM samples GROUP BY dataset ORDER BY pictures DESC;

-- Sizes of the source pictures
SELECT original_width AS width, original_height AS height, count(*) AS pictures FROM samples
GROUP BY ALL ORDER BY pictures DESC LIMIT 20;

-- The smallest and the largest shard
SELECT min_by(shard, bytes) AS smallest, min(bytes) AS smallest_bytes,
    max_by(shard, bytes) AS largest, max(bytes) AS largest_bytes, sum(bytes) / 1e9 AS gigabytes
FROM shard_sizes;

-- Where the bytes of a picture lie
SELECT shard, "offset", length, source_path FROM samples WHERE key = '000000-00007';

-- What the last ingests did
FROM ingest_runs LIMIT 5;

-- Which folders' labels disagree most with the model that was evaluated last
SELECT dataset, folder, pictures, disagree, contradicted, mostly FROM label_disagreements LIMIT 20;

-- The labels that are most probably wrong
SELECT rank, key, species, condition, predicted_species, predicted_condition, probability,
    label_probability, source_path FROM suspect_labels LIMIT 20;

-- What people say of answers that the model was sure of
SELECT received, model, predicted_species, predicted_condition, probability, said_species,
    said_condition, other, key FROM corrections
WHERE (said_species, said_condition) IS DISTINCT FROM (predicted_species, predicted_condition)
ORDER BY probability DESC NULLS LAST LIMIT 20;

-- Which pictures would help most, and why
SELECT rank, species, condition, other, score, why FROM wanted LIMIT 20;
