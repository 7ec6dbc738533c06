-- Groups of more than one picture: copies, near-copies and shots of one thing.
-- group_id: What the pictures share in samples
-- pictures: How many samples the group has
-- split: The split that they share; NULL where they are in none
-- species: What they show
-- first_key: One of the samples
CREATE OR REPLACE VIEW groups AS
SELECT group_id, count(*) AS pictures, any_value(split) AS split, any_value(species) AS species,
    min("key") AS first_key
FROM samples GROUP BY group_id HAVING count(*) > 1;
