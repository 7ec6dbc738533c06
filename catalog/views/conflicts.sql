-- The same picture under two labels: kept, in no split until somebody decides.
-- sha256: The bytes that carry more than one label
-- key: The sample
-- dataset: Source dataset
-- folder: Class folder as it was spelled
-- species: What this copy is said to show
-- condition: And on it
-- source_path: The file that was ingested
CREATE OR REPLACE VIEW conflicts AS
SELECT sha256, "key", dataset, folder, species, "condition", source_path
FROM samples WHERE status = 'conflict' ORDER BY sha256, "key";
