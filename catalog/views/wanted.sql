-- Which pictures would help most: one row a class, and one a plant that people sent and the label tree
-- lacks; the most wanted first. The score is the sum of the five columns after it, each 0 to 1.
-- rank: 1 is the most wanted
-- species: Species id; NULL for a plant that the label tree lacks
-- condition: Condition id; NULL for a plant that the label tree lacks
-- other: That plant, in its senders' words; NULL for a class
-- score: rare + laboratory + unsure + disputed + met
-- rare: 1 without any picture, 0 with as many different things as the middle class; between them by logarithms
-- laboratory: Share of its things of which there are pictures from laboratories alone
-- unsure: By how much the run that was evaluated last is short of certainty, over pictures of the class
-- disputed: Share of those pictures that it takes for something else, and of corrections that say the class and not what was answered
-- met: Whether people send it: half for one sender, two thirds for two, three quarters for three
-- pictures: Samples of the class
-- things: Different things that they show
-- field_things: Of them, those with a picture from outside a laboratory
-- judged: Pictures of the class that the run was asked about
-- wrong: Of them, those that it takes for something else
-- corrections: Corrections that say the class
-- senders: Different senders of them
-- why: The reasons in words
CREATE OR REPLACE VIEW wanted AS
WITH things AS (
    -- The datasets that evaluation calls laboratories, train/breakdown.py: one leaf on a board.
    SELECT species, "condition", group_id, count(*) AS pictures,
        bool_and(regexp_matches(lower(dataset), '^(pv_|plantvillage|(leaffliction|cherry_ci)$)'))
            AS is_laboratory
    FROM samples WHERE species <> 'no_plant' AND "condition" <> 'unknown'
    GROUP BY species, "condition", group_id
),
classes AS (
    SELECT species, "condition", sum(pictures)::BIGINT AS pictures, count(*) AS things,
        count(*) FILTER (NOT is_laboratory) AS field_things
    FROM things GROUP BY species, "condition"
),
judged AS (
    -- As in suspect_labels: a picture that was relabelled since does not count.
    SELECT samples.species, samples."condition", count(*) AS judged, 1 - avg(probability) AS unsure,
        count(*) FILTER ((samples.species, samples."condition")
            <> (predicted_species, predicted_condition)) AS wrong
    FROM predictions JOIN samples USING ("key")
    WHERE run = (SELECT arg_max(run, (evaluated, run)) FROM predictions)
        AND (samples.species, samples."condition") = (predictions.species, predictions."condition")
    GROUP BY ALL
),
said AS (
    -- Strangers' words, which spreadsheets would take for a formula if they began with a sign.
    SELECT species, "condition",
        nullif(lower(regexp_replace(trim(other), '^[^\pL]+', '')), '') AS other,
        count(*) AS corrections, count(DISTINCT coalesce(sender, '')) AS senders,
        count(*) FILTER ((species, "condition")
            IS DISTINCT FROM (predicted_species, predicted_condition)) AS contradict
    FROM feedback GROUP BY ALL
),
together AS (
    SELECT coalesce(classes.species, said.species) AS species,
        coalesce(classes."condition", said."condition") AS "condition", other,
        coalesce(pictures, 0) AS pictures, coalesce(things, 0) AS things,
        coalesce(field_things, 0) AS field_things,
        coalesce(corrections, 0) AS corrections, coalesce(senders, 0) AS senders,
        coalesce(contradict, 0) AS contradict, (SELECT median(things) FROM classes) AS middle
    FROM classes FULL JOIN said
        ON said.species = classes.species AND said."condition" = classes."condition"
    WHERE other IS NOT NULL OR (coalesce(classes.species, said.species) <> 'no_plant'
        AND coalesce(classes."condition", said."condition") <> 'unknown')
),
parts AS (
    SELECT together.*, coalesce(judged, 0) AS judged, coalesce(wrong, 0) AS wrong,
        1 - least(1, ln(1 + things) / ln(1 + greatest(1, coalesce(middle, 1)))) AS rare,
        coalesce((things - field_things) / nullif(things, 0), 0) AS laboratory,
        coalesce(unsure, 0) AS unsure,
        -- One more below, so that a single dispute is no certainty.
        (coalesce(wrong, 0) + contradict) / (coalesce(judged, 0) + corrections + 1) AS disputed,
        1 - 1 / (1 + senders) AS met
    FROM together LEFT JOIN judged
        ON judged.species = together.species AND judged."condition" = together."condition"
),
scored AS (SELECT *, round(rare + laboratory + unsure + disputed + met, 3) AS score FROM parts)
SELECT row_number() OVER (ORDER BY score DESC, species, "condition", other) AS rank,
    species, "condition", other, score, round(rare, 3) AS rare, round(laboratory, 3) AS laboratory,
    round(unsure, 3) AS unsure, round(disputed, 3) AS disputed, round(met, 3) AS met,
    pictures, things, field_things, judged, wrong, corrections, senders,
    concat_ws('; ',
        CASE WHEN other IS NOT NULL THEN 'not in the label tree'
            WHEN rare > 0 THEN concat('different things: ', things, ', of the middle class ', middle::BIGINT)
        END,
        CASE WHEN things > 0 AND laboratory > 0.5
            THEN concat('from outside laboratories: ', field_things) END,
        CASE WHEN wrong > 0 THEN concat('taken for something else: ', wrong, ' of ', judged) END,
        CASE WHEN senders > 0 THEN concat('senders: ', senders) END) AS why
FROM scored ORDER BY rank;
