-- Who sent how many corrections, the busiest first: before they are believed, look at a sender whose
-- corrections do not stand. A sender is an address for a month or less, and not a name.
-- sender: The same for what came from one address
-- corrections: All of them, with pictures or without
-- pictures: Those whose pictures are in the lake
-- confirm: Those that say what was answered
-- stand: Those whose picture has the label that the sender says
-- overruled: Those whose picture has another label: somebody decided so, or knew it before
-- first: The first of them, UTC
-- last: The last of them
CREATE OR REPLACE VIEW senders AS
SELECT feedback.sender, count(*) AS corrections, count("key") AS pictures,
    count(*) FILTER (feedback.species = feedback.predicted_species
        AND feedback."condition" = feedback.predicted_condition) AS confirm,
    count(*) FILTER (stands) AS stand, count(*) FILTER (NOT stands) AS overruled,
    min(feedback.received) AS first, max(feedback.received) AS last
FROM feedback LEFT JOIN corrections USING (feedback_id)
GROUP BY feedback.sender ORDER BY corrections DESC, feedback.sender;
