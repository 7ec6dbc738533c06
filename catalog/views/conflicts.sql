-- The same picture under two labels: kept, in no split until somebody decides.
CREATE OR REPLACE VIEW conflicts AS
SELECT sha256, "key", dataset, folder, species, "condition", source_path
FROM samples WHERE status = 'conflict' ORDER BY sha256, "key";
