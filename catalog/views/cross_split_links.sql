-- Linked pictures that lie in different splits. Of the kinds near_copy and shots there must be none;
-- weaker links are cut where a group would grow too large, and are listed here.
-- kind: Kind of the link
-- key: One of the two samples
-- other: The other one
-- distance: Of the link
-- split: Split of key
-- other_split: Split of other
CREATE OR REPLACE VIEW cross_split_links AS
SELECT kind, links."key", links.other, distance, one.split, two.split AS other_split
FROM links JOIN samples AS one ON one."key" = links."key"
    JOIN samples AS two ON two."key" = links.other
WHERE one.split <> two.split;
