-- Pictures that are in no split, and why.
-- key: The sample
-- dataset: Source dataset
-- folder: Class folder as it was spelled
-- species: Species id; NULL where nobody could tell
-- condition: Condition id; NULL where nobody could tell
-- why: conflict, tie, withdrawn (see samples.status), no label, or class too small
CREATE OR REPLACE VIEW unsplit AS
SELECT "key", dataset, folder, species, "condition",
    CASE WHEN status <> 'ok' THEN status WHEN species IS NULL OR "condition" IS NULL THEN 'no label'
    ELSE 'class too small' END AS why
FROM samples WHERE split IS NULL;
