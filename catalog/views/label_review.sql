-- Folders whose name the reader was not sure of, with its best guesses and their pictures.
CREATE OR REPLACE VIEW label_review AS
SELECT folders.dataset, folders.folder, folders.species, folders."condition", rule, confidence,
    candidates, count(samples."key") AS pictures
FROM folders LEFT JOIN samples
    ON samples.dataset = folders.dataset AND samples.folder = folders.folder
WHERE NOT sure GROUP BY ALL ORDER BY confidence, folders.dataset, folders.folder;
