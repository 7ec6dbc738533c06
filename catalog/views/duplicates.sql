-- Groups of more than one picture, largest first.
CREATE OR REPLACE VIEW duplicates AS
SELECT group_id, count(*) AS pictures, count(DISTINCT sha256) AS different_bytes,
    any_value(split) AS split, list(source_path ORDER BY source_path) AS source_paths
FROM samples GROUP BY group_id HAVING count(*) > 1 ORDER BY pictures DESC, group_id;
