-- Folders whose name the reader was not sure of, with its best guesses and their pictures.
-- dataset: Source dataset
-- folder: Class folder as it is spelled
-- species: What the reader takes it for; NULL where it placed nothing
-- condition: And on it
-- rule: Rule by which the name was read
-- confidence: 0 to 1; under 0.7 the pictures have no label until somebody decides
-- candidates: JSON list of [species, condition, confidence], the best first
-- pictures: Samples of the folder
CREATE OR REPLACE VIEW label_review AS
SELECT folders.dataset, folders.folder, folders.species, folders."condition", rule, confidence,
    candidates, count(samples."key") AS pictures
FROM folders LEFT JOIN samples
    ON samples.dataset = folders.dataset AND samples.folder = folders.folder
WHERE NOT sure GROUP BY ALL ORDER BY confidence, folders.dataset, folders.folder;
