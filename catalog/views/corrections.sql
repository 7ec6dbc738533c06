-- Corrections whose pictures are in the lake, the newest first, with the label that each picture has
-- now: what the sender says, unless somebody relabelled it, or the lake had the same bytes before.
-- feedback_id: Name of the correction
-- received: When, UTC
-- sender: The same for what came from one address within a month or less; NULL where unknown
-- key: The sample
-- split: Its split; NULL where it is in none
-- model: Name of the run that answered
-- rank: What was answered: condition, species, not_sure, not_a_plant or unknown_species
-- predicted_species: Species id of the answer
-- predicted_condition: Condition id of the answer
-- probability: Of the answer, 0 to 1
-- said_species: Species id that the sender says
-- said_condition: Condition id that the sender says
-- other: A plant that the model does not know, in the sender's words
-- species: Species id of the label
-- condition: Condition id of the label
-- stands: Whether the label is what the sender says; NULL where they used words of their own
-- note: What else the sender wrote
CREATE OR REPLACE VIEW corrections AS
SELECT feedback_id, received, sender, "key", split, model, rank,
    predicted_species, predicted_condition, probability,
    feedback.species AS said_species, feedback."condition" AS said_condition, other,
    samples.species, samples."condition",
    CASE WHEN feedback.species IS NOT NULL THEN samples.species IS NOT DISTINCT FROM feedback.species
        AND (feedback."condition" IS NULL
            OR samples."condition" IS NOT DISTINCT FROM feedback."condition") END AS stands,
    note
FROM feedback JOIN samples USING (source_path) ORDER BY received DESC, feedback_id;
