-- The tables of the lake. Every comment below is what `leaflake sql` prints as documentation.

CREATE TABLE samples (
    "key" VARCHAR, dataset VARCHAR, folder VARCHAR, source_path VARCHAR,
    species VARCHAR, "condition" VARCHAR, split VARCHAR, group_id VARCHAR, status VARCHAR,
    shard INTEGER, "offset" BIGINT, length BIGINT,
    sha256 VARCHAR, phash UBIGINT, layout BLOB,
    width INTEGER, height INTEGER, original_width INTEGER, original_height INTEGER,
    format VARCHAR, mode VARCHAR, orientation INTEGER,
    sharpness DOUBLE, brightness DOUBLE,
    source_bytes BIGINT, source_mtime_ns BIGINT
);
COMMENT ON TABLE samples IS 'One row a picture: what it shows, its split, and where its bytes lie';
COMMENT ON COLUMN samples."key" IS 'Name of the sample in its shard: SHARD-INDEX';
COMMENT ON COLUMN samples.dataset IS 'Source dataset: the folder that holds the class folders';
COMMENT ON COLUMN samples.folder IS 'Class folder as it was spelled: the raw label';
COMMENT ON COLUMN samples.source_path IS 'Absolute path of the file that was ingested';
COMMENT ON COLUMN samples.species IS 'Species id; NULL where nobody could tell';
COMMENT ON COLUMN samples."condition" IS 'Condition id, such as healthy or late_blight; NULL where unknown';
COMMENT ON COLUMN samples.split IS 'train, val or test; NULL keeps the picture out of all three';
COMMENT ON COLUMN samples.group_id IS 'Pictures of one thing share it: copies, near-copies, shots of one leaf';
COMMENT ON COLUMN samples.status IS 'ok; conflict (same bytes, two labels); tie (joins two splits)';
COMMENT ON COLUMN samples.shard IS 'Number of the tar: 17 is shards/000017.tar';
COMMENT ON COLUMN samples."offset" IS 'First byte of the JPEG in the tar';
COMMENT ON COLUMN samples.length IS 'Bytes of the JPEG in the tar';
COMMENT ON COLUMN samples.sha256 IS 'Of the source file';
COMMENT ON COLUMN samples.phash IS 'Perceptual hash: signs of 63 low DCT coefficients';
COMMENT ON COLUMN samples.layout IS 'Mean colours on a 4 by 4 grid: 48 bytes RGB';
COMMENT ON COLUMN samples.width IS 'Pixels as stored, upright';
COMMENT ON COLUMN samples.height IS 'Pixels as stored, upright';
COMMENT ON COLUMN samples.original_width IS 'Pixels of the source file, before turning upright';
COMMENT ON COLUMN samples.original_height IS 'Pixels of the source file, before turning upright';
COMMENT ON COLUMN samples.format IS 'Content of the source file: JPEG, PNG, WEBP, MPO';
COMMENT ON COLUMN samples.mode IS 'Colours of the source file: RGB, L, CMYK, RGBA, ...';
COMMENT ON COLUMN samples.orientation IS 'EXIF orientation of the source file, 1 to 8; applied';
COMMENT ON COLUMN samples.sharpness IS 'Variance of the Laplacian of grey values 0-255; blurry is low';
COMMENT ON COLUMN samples.brightness IS 'Mean grey value, 0-255';
COMMENT ON COLUMN samples.source_bytes IS 'Size of the source file';
COMMENT ON COLUMN samples.source_mtime_ns IS 'Modification time of the source file, nanoseconds since 1970';

CREATE TABLE rejections (
    dataset VARCHAR, folder VARCHAR, source_path VARCHAR, reason VARCHAR, detail VARCHAR,
    source_bytes BIGINT, source_mtime_ns BIGINT
);
COMMENT ON TABLE rejections IS 'One row a file that is no sample, with its reason';
COMMENT ON COLUMN rejections.reason IS 'One word of a short list; the view rejections_by_reason counts them';
COMMENT ON COLUMN rejections.detail IS 'What the decoder said';

CREATE TABLE folders (
    dataset VARCHAR, folder VARCHAR, species VARCHAR, "condition" VARCHAR,
    rule VARCHAR, confidence DOUBLE, sure BOOLEAN, candidates VARCHAR
);
COMMENT ON TABLE folders IS 'One row a class folder: what the folder-name reader made of it, which labels the pictures that come; to relabel those that are there, UPDATE samples';
COMMENT ON COLUMN folders.rule IS 'Rule by which the name was read';
COMMENT ON COLUMN folders.confidence IS '0 to 1; under 0.7 the pictures get no label';
COMMENT ON COLUMN folders.sure IS 'false: a person should look; see the view label_review';
COMMENT ON COLUMN folders.candidates IS 'JSON list of [species, condition, confidence]';

CREATE TABLE ingests (
    started TIMESTAMP, seconds DOUBLE, sources VARCHAR,
    files BIGINT, samples BIGINT, rejections BIGINT, shards INTEGER, version VARCHAR
);
COMMENT ON TABLE ingests IS 'One row a run of leaflake ingest that changed something';
