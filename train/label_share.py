"""A share of the labels, as if people had named only so many pictures. In: a share and a seed. Out:
a SQL condition for the recipe's `labels`."""

from __future__ import annotations

from train.recipe import Split


def label_share_where(share: float, seed: int, split: Split = "split") -> str:
    """SQL for the pictures outside val and test that keep their label; `share` is 0 to 1.

    Whole groups are chosen, as shots of one leaf would be named together, of each class the same
    share, and one at least. Chance is a hash of seed and group: the same on every machine, and a
    larger share holds the smaller one.
    """
    if share == 1:
        return "true"
    return (
        "group_id IN (SELECT group_id FROM ("
        "SELECT group_id, count(*) OVER (PARTITION BY label) AS groups, "
        f"row_number() OVER (PARTITION BY label ORDER BY md5('{seed} ' || group_id)) AS place "
        "FROM (SELECT group_id, min(species || ' ' || coalesce(\"condition\", '')) AS label "
        f"FROM samples WHERE species IS NOT NULL AND coalesce({split}, 'train') = 'train' "
        f"GROUP BY group_id)) WHERE place <= ceil(groups * {share}))"
    )
