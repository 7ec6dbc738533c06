-- The tables of the lake. Every comment below is what `leaflake sql` prints as documentation.

CREATE TABLE samples (
    "key" VARCHAR, dataset VARCHAR, folder VARCHAR, source_path VARCHAR,
    species VARCHAR, "condition" VARCHAR, split VARCHAR, group_id VARCHAR, status VARCHAR,
    source VARCHAR, source_split VARCHAR,
    shard INTEGER, "offset" BIGINT, length BIGINT,
    sha256 VARCHAR, phash UBIGINT, layout BLOB,
    width INTEGER, height INTEGER, original_width INTEGER, original_height INTEGER,
    format VARCHAR, mode VARCHAR, orientation INTEGER,
    sharpness DOUBLE, brightness DOUBLE, captured TIMESTAMP, saturation DOUBLE, entropy DOUBLE,
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
COMMENT ON COLUMN samples.status IS 'ok; conflict (same bytes, two labels); tie (came and would join two splits); withdrawn (left its split: since a relabelling its near copy is in another one; set the status to NULL to have it placed again)';
COMMENT ON COLUMN samples.source IS 'Who or what took it, as KIND:NAME, as far as its name and clock tell: photographer (PlantVillage''s codes), picture (a download by itself), web (downloads of one site or title), day (of one dataset), camera (of one dataset), sender (of corrections, see feedback) or dataset. Mend it where you know better, and set source_split to NULL to have the pictures placed again; a source of NULL is named anew';
COMMENT ON COLUMN samples.source_split IS 'A second train, val or test, whose sides share no source and no group: for what a model makes of pictures by people from whom it did not learn. NULL where split is; of a class of one source all is train';
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
COMMENT ON COLUMN samples.captured IS 'When it was taken, by the camera''s own clock (EXIF DateTimeOriginal); NULL where the file does not say';
COMMENT ON COLUMN samples.saturation IS 'Mean of largest minus smallest of R, G and B, 0-255; a grey picture is near 0';
COMMENT ON COLUMN samples.entropy IS 'Bits of the histogram of grey values, 0-8; a picture of little information is low';
COMMENT ON COLUMN samples.source_bytes IS 'Size of the source file';
COMMENT ON COLUMN samples.source_mtime_ns IS 'Modification time of the source file, nanoseconds since 1970';

CREATE TABLE rejections (
    dataset VARCHAR, folder VARCHAR, source_path VARCHAR, reason VARCHAR, detail VARCHAR,
    source_bytes BIGINT, source_mtime_ns BIGINT
);
COMMENT ON TABLE rejections IS 'One row a file that is no sample, with its reason';
COMMENT ON COLUMN rejections.dataset IS 'Source dataset: the folder that holds the class folders';
COMMENT ON COLUMN rejections.folder IS 'Class folder as it is spelled';
COMMENT ON COLUMN rejections.source_path IS 'Absolute path of the file';
COMMENT ON COLUMN rejections.reason IS 'One word of a short list; the view rejections_by_reason counts them';
COMMENT ON COLUMN rejections.detail IS 'What the decoder said';
COMMENT ON COLUMN rejections.source_bytes IS 'Size of the file';
COMMENT ON COLUMN rejections.source_mtime_ns IS 'Modification time of the file, nanoseconds since 1970';

CREATE TABLE folders (
    dataset VARCHAR, folder VARCHAR, species VARCHAR, "condition" VARCHAR,
    rule VARCHAR, confidence DOUBLE, sure BOOLEAN, candidates VARCHAR
);
COMMENT ON TABLE folders IS 'One row a class folder: what the folder-name reader made of it, which labels the pictures that come; to relabel those that are there, UPDATE samples';
COMMENT ON COLUMN folders.dataset IS 'Source dataset: the folder that holds the class folders';
COMMENT ON COLUMN folders.folder IS 'Class folder as it is spelled: the raw label';
COMMENT ON COLUMN folders.species IS 'Species id that the reader or a person gave; NULL where nobody could tell';
COMMENT ON COLUMN folders."condition" IS 'Condition id that the reader or a person gave; NULL where nobody could tell';
COMMENT ON COLUMN folders.rule IS 'Rule by which the name was read';
COMMENT ON COLUMN folders.confidence IS '0 to 1; under 0.7 the pictures get no label';
COMMENT ON COLUMN folders.sure IS 'false: a person should look; see the view label_review';
COMMENT ON COLUMN folders.candidates IS 'JSON list of [species, condition, confidence]';

CREATE TABLE datasets (dataset VARCHAR, path VARCHAR, species VARCHAR, shots VARCHAR);
COMMENT ON TABLE datasets IS 'One row a dataset, as the newest ingest found it';
COMMENT ON COLUMN datasets.dataset IS 'Name of the folder that holds the class folders';
COMMENT ON COLUMN datasets.path IS 'Absolute path of that folder';
COMMENT ON COLUMN datasets.species IS 'Plant of the folders that name only a disease, as the source calls it; NULL where it does not say';
COMMENT ON COLUMN datasets.shots IS 'Regular expression with one group: files of a class folder in whose names it captures the same text show one thing; NULL where there is no such rule';

CREATE TABLE links ("key" VARCHAR, other VARCHAR, kind VARCHAR, distance DOUBLE);
COMMENT ON TABLE links IS 'Why two samples are taken to show one thing; the same bytes need no link';
COMMENT ON COLUMN links."key" IS 'The smaller key of the two samples';
COMMENT ON COLUMN links.other IS 'The larger key';
COMMENT ON COLUMN links.kind IS 'From strong to weak: shots (by the pattern of their dataset), near_copy (one picture, scaled or turned), same_thing (by appearance, leaflake group), burst (neighbours by name or time that look alike), numbered (neighbours whose names count on)';
COMMENT ON COLUMN links.distance IS 'The smaller, the more alike, within a kind. near_copy: bits of the hash plus mean difference of the colours; burst, numbered: bits; shots: 0; same_thing: 1 / score, the local features that agree, more or less some for the colours';

CREATE TABLE compared_shards (shard INTEGER);
COMMENT ON TABLE compared_shards IS 'One row a shard whose pictures leaflake group has compared; those of the others may show one leaf unnoticed';
COMMENT ON COLUMN compared_shards.shard IS 'Number of the shard: 17 is shards/000017.tar';

CREATE TABLE ingests (
    started TIMESTAMP, seconds DOUBLE, sources VARCHAR,
    files BIGINT, samples BIGINT, rejections BIGINT, shards INTEGER,
    source_bytes BIGINT, stored_bytes BIGINT, settings JSON, durations JSON,
    version VARCHAR, versions JSON
);
COMMENT ON TABLE ingests IS 'One row a run of leaflake ingest that changed something';
COMMENT ON COLUMN ingests.started IS 'Time of the start, UTC';
COMMENT ON COLUMN ingests.seconds IS 'From the start to this row';
COMMENT ON COLUMN ingests.sources IS 'Source folders, parted by a comma';
COMMENT ON COLUMN ingests.files IS 'New or changed files: samples and rejections';
COMMENT ON COLUMN ingests.samples IS 'Files that became samples';
COMMENT ON COLUMN ingests.rejections IS 'Files that were turned away';
COMMENT ON COLUMN ingests.shards IS 'Shards that were added';
COMMENT ON COLUMN ingests.source_bytes IS 'Size of the source files';
COMMENT ON COLUMN ingests.stored_bytes IS 'Size of the shards'' tars';
COMMENT ON COLUMN ingests.settings IS 'JSON object: short_side in pixels (null: original sizes), species, seed, workers, engine';
COMMENT ON COLUMN ingests.durations IS 'JSON object: seconds by stage (scan, plan, pack, commit)';
COMMENT ON COLUMN ingests.version IS 'Version of Leaflake';
COMMENT ON COLUMN ingests.versions IS 'JSON object: versions of Python and of the packages that made the bytes';

CREATE TABLE predictions (
    run VARCHAR, "key" VARCHAR, split VARCHAR, judge VARCHAR,
    species VARCHAR, "condition" VARCHAR,
    predicted_species VARCHAR, predicted_condition VARCHAR,
    species_probability DOUBLE, probability DOUBLE, label_probability DOUBLE,
    snapshot BIGINT, evaluated TIMESTAMP
);
COMMENT ON TABLE predictions IS 'One row a picture that leaflake evaluate asked a run about: what the model says of it, never having trained on it; evaluating a run again replaces its rows';
COMMENT ON COLUMN predictions.run IS 'Name of the run''s folder';
COMMENT ON COLUMN predictions."key" IS 'The sample';
COMMENT ON COLUMN predictions.split IS 'Split of the picture for that run: train, val or test';
COMMENT ON COLUMN predictions.judge IS 'network: the run''s, which was not trained on the picture; folds: heads on frozen features, fitted on the groups of four fifths of train without it (leaflake evaluate --all)';
COMMENT ON COLUMN predictions.species IS 'Species id of the label at that time';
COMMENT ON COLUMN predictions."condition" IS 'Condition id of the label at that time';
COMMENT ON COLUMN predictions.predicted_species IS 'Species id of the likeliest class';
COMMENT ON COLUMN predictions.predicted_condition IS 'Condition id of the likeliest class';
COMMENT ON COLUMN predictions.species_probability IS 'Of the predicted species, 0 to 1, calibrated';
COMMENT ON COLUMN predictions.probability IS 'Of the predicted species and condition together';
COMMENT ON COLUMN predictions.label_probability IS 'Of the label, species and condition together';
COMMENT ON COLUMN predictions.snapshot IS 'Snapshot of the labels: the one that the run was trained on';
COMMENT ON COLUMN predictions.evaluated IS 'When, UTC; the views take the run that was evaluated last';

CREATE TABLE feedback (
    feedback_id VARCHAR, received TIMESTAMP, sender VARCHAR, request_id VARCHAR,
    answered_by VARCHAR, model VARCHAR, model_version VARCHAR, model_sha256 VARCHAR,
    rank VARCHAR, predicted_species VARCHAR, predicted_condition VARCHAR, probability DOUBLE,
    species VARCHAR, "condition" VARCHAR, other VARCHAR, note VARCHAR, source_path VARCHAR
);
COMMENT ON TABLE feedback IS 'One row a correction that came in through the server and was ingested from an inbox: what was predicted by which model, and what somebody says instead; the view corrections has those with pictures';
COMMENT ON COLUMN feedback.feedback_id IS 'Name of the correction, which its sender was given too; in the inbox it is FEEDBACK_ID.json, and the picture FEEDBACK_ID.jpg';
COMMENT ON COLUMN feedback.received IS 'When, UTC';
COMMENT ON COLUMN feedback.sender IS 'The same for what came from one address, or from one person through the bot, within a month or less; neither the address nor the person can be told from it. NULL where the server saw no address';
COMMENT ON COLUMN feedback.request_id IS 'Id of the answer that is corrected; NULL where the browser answered by itself';
COMMENT ON COLUMN feedback.answered_by IS 'server, which the bot is too, or browser';
COMMENT ON COLUMN feedback.model IS 'Name of the run that answered, as the sender''s page says';
COMMENT ON COLUMN feedback.model_version IS 'When its bundle was made';
COMMENT ON COLUMN feedback.model_sha256 IS 'The hash of its bundle';
COMMENT ON COLUMN feedback.rank IS 'What was answered: condition, species, not_sure, not_a_plant or unknown_species';
COMMENT ON COLUMN feedback.predicted_species IS 'Species id of the answer; NULL where none was answered';
COMMENT ON COLUMN feedback.predicted_condition IS 'Condition id of the answer; NULL where none was answered';
COMMENT ON COLUMN feedback.probability IS 'Of the answer, 0 to 1; NULL where the rejection rule answered';
COMMENT ON COLUMN feedback.species IS 'Species id that the sender says; NULL where they use words of their own';
COMMENT ON COLUMN feedback."condition" IS 'Condition id that the sender says; NULL where they do not know';
COMMENT ON COLUMN feedback.other IS 'A plant that the model does not know, in the sender''s words';
COMMENT ON COLUMN feedback.note IS 'What else the sender wrote';
COMMENT ON COLUMN feedback.source_path IS 'The kept picture, as in samples; NULL where none came, or its sender did not consent';
