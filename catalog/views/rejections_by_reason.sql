-- How many files were turned away, and why.
-- reason: One word of a short list
-- files: How many
-- example: One of them
CREATE OR REPLACE VIEW rejections_by_reason AS
SELECT reason, count(*) AS files, min(source_path) AS example
FROM rejections GROUP BY ALL ORDER BY files DESC, reason;
