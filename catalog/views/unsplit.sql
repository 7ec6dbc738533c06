-- Pictures that are in no split, and why: no label, a conflict, a tie of two splits, a tiny class.
CREATE OR REPLACE VIEW unsplit AS
SELECT "key", dataset, folder, species, "condition",
    CASE WHEN status <> 'ok' THEN status WHEN species IS NULL OR "condition" IS NULL THEN 'no label'
    ELSE 'class too small' END AS why
FROM samples WHERE split IS NULL ORDER BY why, "key";
