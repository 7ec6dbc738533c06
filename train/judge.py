"""How good a network is on val, batch by batch. In: LogProbs and classes. Out: `figures`.

The same as train/metrics.py says of whole arrays, which at 11,499 classes would not fit into
memory; sums also add up over the processes of a run.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from catalog.taxonomy import NO_PLANT, LabelTree
from train.distributed import Team
from train.hierarchy import LogProbs

COUNTS = ("plants", "species", "joint", "choices", "top1", "top3", "others", "recognised", "loss")


class Tally:
    """Counts right answers."""

    def __init__(self, tree: LabelTree, device: torch.device) -> None:
        sizes = torch.tensor([stop - start for start, stop in tree.blocks()], device=device)
        self.class_species = torch.tensor(tree.class_species(), device=device)  # (C,)
        self.has_choice = (sizes > 1)[self.class_species]  # (C,)
        self.no_plant = torch.tensor(
            [tree.label(i)[0].species_id == NO_PLANT for i in range(tree.num_classes)],
            device=device,
        )
        self.sums = torch.zeros(len(COUNTS), dtype=torch.float64, device=device)

    def add(self, found: LogProbs, class_index: torch.Tensor) -> None:
        """Count one batch; `class_index` int64 (N,) of whole classes."""
        truth = self.class_species[class_index]
        species = found.species.argmax(dim=1) == truth
        plant = ~self.no_plant[class_index]
        choice = plant & self.has_choice[class_index]
        true = found.condition.gather(1, class_index[:, None])
        in_block = self.class_species[None, :] == truth[:, None]
        rank = ((found.condition > true) & in_block).sum(dim=1)
        joint = found.joint.argmax(dim=1) == class_index
        self.sums += torch.stack(
            [
                plant.sum(),
                (species & plant).sum(),
                (joint & plant).sum(),
                choice.sum(),
                (choice & (rank < 1)).sum(),
                (choice & (rank < 3)).sum(),
                (~plant).sum(),
                (species & ~plant).sum(),
                functional.nll_loss(found.joint, class_index, reduction="sum"),
            ]
        ).double()

    def figures(self, team: Team) -> dict[str, float | int]:
        """Of all processes; see train/metrics.py. `val_loss` is the mean of -log p(class)."""
        n = dict(zip(COUNTS, team.sums(self.sums.tolist()), strict=True))
        result: dict[str, float | int] = {"pictures": int(n["plants"])}
        if n["plants"]:
            result["species_top1"] = n["species"] / n["plants"]
            result["joint_top1"] = n["joint"] / n["plants"]
        if n["choices"]:
            result["condition_top1"] = n["top1"] / n["choices"]
            result["condition_top3"] = n["top3"] / n["choices"]
        if n["others"]:
            result["no_plant_pictures"] = int(n["others"])
            result["no_plant_recognised"] = n["recognised"] / n["others"]
        result["val_loss"] = n["loss"] / (n["plants"] + n["others"])
        return result
