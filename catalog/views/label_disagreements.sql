-- Class folders by how much their labels and the run that was evaluated last disagree: where to look
-- for folders that were named or filled wrongly. A picture that was relabelled since does not count.
-- dataset: Source dataset
-- folder: Class folder as it was spelled
-- pictures: Pictures that the run was asked about; those of train only after leaflake evaluate --all
-- disagree: Of them, those for which another class than the label is likeliest
-- disagree_share: The one by the other, 0 to 1
-- contradicted: Of them, those whose label has less than one chance in a hundred
-- label_probability: Mean probability of the labels, 0 to 1; the list is in its order
-- mostly: Species and condition that the model most often says instead; NULL where none disagrees
-- run: Name of the run's folder
CREATE OR REPLACE VIEW label_disagreements AS
WITH judged AS (
    SELECT samples.dataset, samples.folder, label_probability, run,
        (predictions.species, predictions."condition")
            <> (predicted_species, predicted_condition) AS disagrees,
        predicted_species || ', ' || predicted_condition AS predicted
    FROM predictions JOIN samples USING ("key")
    WHERE run = (SELECT arg_max(run, (evaluated, run)) FROM predictions)
        AND (samples.species, samples."condition")
            = (predictions.species, predictions."condition")
)
SELECT dataset, folder, count(*) AS pictures, count(*) FILTER (disagrees) AS disagree,
    count(*) FILTER (disagrees) / count(*) AS disagree_share,
    count(*) FILTER (label_probability < 0.01) AS contradicted,
    avg(label_probability) AS label_probability,
    -- Of equally many the first by name, so that the answer is always the same.
    mode(predicted ORDER BY predicted) FILTER (disagrees) AS mostly, any_value(run) AS run
FROM judged GROUP BY dataset, folder ORDER BY label_probability, dataset, folder;
