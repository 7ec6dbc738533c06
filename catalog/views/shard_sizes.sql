-- How much each shard holds that the catalog uses.
-- shard: Number of the tar: 17 is shards/000017.tar
-- pictures: Samples in it
-- bytes: Bytes of their JPEGs, without the tar's own headers
-- mean_bytes: Bytes a picture
-- train: Samples in train
CREATE OR REPLACE VIEW shard_sizes AS
SELECT shard, count(*) AS pictures, sum(length)::BIGINT AS bytes, avg(length) AS mean_bytes,
    count(*) FILTER (split = 'train') AS train
FROM samples GROUP BY shard ORDER BY shard;
