-- What each ingest took in, and how fast; the newest comes first.
-- started: When, in UTC
-- minutes: How long
-- sources: Folders that it read
-- files: Files that were new or changed
-- samples: Those that became samples
-- rejections: Those that were turned away
-- shards: Tars that it wrote
-- files_per_second: Over the whole run
-- source_megabytes: Size of the files
-- stored_megabytes: Size of the tars
-- version: Leaflake's version
CREATE OR REPLACE VIEW ingest_runs AS
SELECT started, seconds / 60 AS minutes, sources, files, samples, rejections, shards,
    files / nullif(seconds, 0) AS files_per_second,
    source_bytes / 1e6 AS source_megabytes, stored_bytes / 1e6 AS stored_megabytes, version
FROM ingests ORDER BY started DESC;
