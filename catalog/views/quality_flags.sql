-- Pictures that somebody should look at: one row a picture and flag. A flag is no verdict; nothing
-- is left out because of it.
-- flag: blurry, dark, bright, low_information, grey, odd_aspect or tiny
-- value: What was measured: sharpness, brightness, entropy, saturation, aspect ratio or pixels
-- key: The sample
-- dataset: Source dataset
-- species: Species id; NULL where nobody could tell
-- condition: Condition id; NULL where nobody could tell
-- split: Its split; NULL where it is in none
-- source_path: The file that was ingested
CREATE OR REPLACE VIEW quality_flags AS
-- The thresholds were set by looking at 6,538 leaf pictures of 15 collections in the order of each
-- measure; the numbers are how many of them a flag finds.
WITH flagged AS (
    -- 2 %. Below, edges and veins are soft; above come smooth leaves on a smooth board, and sharp.
    SELECT 'blurry' AS flag, sharpness AS value, * FROM samples WHERE sharpness < 40
    UNION ALL
    -- 0.4 %. Leaves cut out on black, and pictures where the lesion drowns in shadow.
    SELECT 'dark', brightness, * FROM samples WHERE brightness < 50
    UNION ALL
    -- 2 %. Nearly all stock pictures on pure white, some of them of fruit or with text.
    SELECT 'bright', brightness, * FROM samples WHERE brightness > 205
    UNION ALL
    -- 2 %. Most of the picture is one tone: a small leaf on a blank sheet.
    SELECT 'low_information', entropy, * FROM samples WHERE entropy < 4.5
    UNION ALL
    -- 0.2 %. Black-and-white prints, and leaves whose colour the light took away.
    SELECT 'grey', saturation, * FROM samples WHERE saturation < 6
    UNION ALL
    -- 2 %, nearly all strips of sugarcane. The square that a network sees squeezes one side to less
    -- than half of the other.
    SELECT 'odd_aspect', greatest(original_width, original_height)
            / least(original_width, original_height), *
    FROM samples
    WHERE greatest(original_width, original_height) > 2 * least(original_width, original_height)
    UNION ALL
    -- 0.6 %, crops of single spots. Under half of the 224 pixels that networks are fed.
    SELECT 'tiny', least(original_width, original_height), *
    FROM samples WHERE least(original_width, original_height) < 112
)
SELECT flag, value, "key", dataset, species, "condition", split, source_path FROM flagged;
