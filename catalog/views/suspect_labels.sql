-- Pictures whose label is probably wrong, the surest first, by the run that was evaluated last. A
-- picture that was relabelled since leaves the list; evaluate again to have the new label judged.
-- rank: 1 is the most suspect
-- key: The sample
-- dataset: Source dataset
-- folder: Class folder as it was spelled
-- split: Split of the picture for that run
-- species: Species id of the label
-- condition: Condition id of the label
-- predicted_species: What the model takes it for
-- predicted_condition: And on it
-- probability: Of that, 0 to 1
-- label_probability: Of the label; the list is in its order
-- run: Name of the run's folder
-- source_path: The file that was ingested
CREATE OR REPLACE VIEW suspect_labels AS
-- Ranked by self-confidence, the probability that a model gives to a label that it has not seen
-- (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
-- 2021, section 4; Kuan and Mueller, "Model-agnostic label quality scoring to detect real-world
-- label errors in vision data", 2022). With 326 wrong labels planted among 6,531 of real leaves,
-- half of them another disease of the same plant, and predictions in folds, 97 of the first 100
-- were planted ones; by normalised margin 89, by self-confidence less the mean of the class 82, and
-- with the class thresholds of confident learning (equation 2) 96, but fewer further down: 63 % of
-- the first 326 instead of 70 (2026-11-22). The table holds only what models say that have not seen
-- the label: a network learns the wrong labels of its training pictures by heart.
SELECT row_number() OVER (ORDER BY label_probability, probability DESC, "key") AS rank,
    "key", samples.dataset, samples.folder, predictions.split,
    predictions.species, predictions."condition", predicted_species, predicted_condition,
    probability, label_probability, run, source_path
FROM predictions JOIN samples USING ("key")
WHERE run = (SELECT arg_max(run, (evaluated, run)) FROM predictions)
    AND (predictions.species, predictions."condition") <> (predicted_species, predicted_condition)
    AND (samples.species, samples."condition") = (predictions.species, predictions."condition")
ORDER BY rank;
