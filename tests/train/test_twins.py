import numpy as np
import pytest
import torch

from train.augment import twin_light
from train.backbones import Backbone
from train.distributed import Team
from train.twins import (
    Projector,
    TwinNetwork,
    cross_correlation,
    found_twins,
    normalised,
    twins_loss,
)


def side_by_side(first: list[list[float]], second: list[list[float]]) -> torch.Tensor:
    """Rows 2 i and 2 i + 1 are the crops of picture i."""
    return torch.tensor([row for pair in zip(first, second, strict=True) for row in pair])


def test_the_loss_is_equation_1_of_the_paper_over_the_width():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6, 3))
    embeddings = side_by_side(first.tolist(), second.tolist())
    expected = 0.0
    for i in range(3):
        for j in range(3):
            c = np.corrcoef(first[:, i], second[:, j])[0, 1]
            expected += (1 - c) ** 2 if i == j else 0.005 * c**2
    found = twins_loss(embeddings.float(), 0.005, Team())
    assert found.item() == pytest.approx(expected / 3, abs=1e-4)


def test_crops_that_look_alike_in_outputs_that_say_different_things_cost_nothing():
    square = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    assert twins_loss(side_by_side(square, square), 0.5, Team()).item() == pytest.approx(
        0, abs=1e-8
    )
    mirrored = [[-a, -b] for a, b in square]
    # Both outputs say the opposite for the other crop: (1 - -1) ** 2 each.
    assert twins_loss(side_by_side(square, mirrored), 0.5, Team()).item() == pytest.approx(
        4, abs=1e-3
    )
    same = [[a, a] for a, _ in square]
    # Two outputs that say the same: two terms of 1, weighed by a half, over two outputs.
    assert twins_loss(side_by_side(same, same), 0.5, Team()).item() == pytest.approx(0.5, abs=1e-3)


def test_the_size_of_embeddings_is_no_matter():
    rng = torch.Generator().manual_seed(0)
    one = torch.randn(8, 4, generator=rng)
    assert torch.allclose(
        cross_correlation(one, Team()), cross_correlation(100 * one + 5, Team()), atol=1e-3
    )


def test_a_batch_of_one_picture_gives_a_finite_loss_and_no_gradient():
    embeddings = torch.randn(2, 4, requires_grad=True)
    loss = twins_loss(embeddings, 0.005, Team())
    loss.backward()
    assert loss.item() == 1
    assert torch.equal(embeddings.grad, torch.zeros(2, 4))
    assert torch.equal(normalised(torch.ones(3, 2)), torch.zeros(3, 2))


def test_twins_are_found_by_their_angle():
    embeddings = side_by_side([[1.0, 0.0], [0.0, 1.0]], [[9.0, 1.0], [0.1, 2.0]])
    assert found_twins(embeddings) == 4
    # The first picture's second crop is most like the second picture's first.
    embeddings = side_by_side([[1.0, 0.0], [0.0, 1.0]], [[1.0, 9.0], [-0.1, 2.0]])
    assert found_twins(embeddings) == 3


def test_the_projector_is_three_layers_of_one_width_without_biases():
    kinds = [type(layer).__name__ for layer in Projector(5, 8)]
    assert kinds == [
        "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear",
    ]  # fmt: skip
    shapes = [tuple(w.shape) for name, w in Projector(5, 8).named_parameters() if w.ndim == 2]
    assert shapes == [(8, 5), (8, 8), (8, 8)]


def test_gradient_steps_make_crops_alike_and_outputs_different():
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 6))
    network = TwinNetwork(Backbone(body, 6, (0.5,) * 3, (0.5,) * 3, "none"), 2, 8)
    # The first half of a picture is what its crops share; the other half is noise.
    shared = torch.randn(16, 6).repeat_interleave(2, dim=0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        pixels = torch.cat([shared, torch.randn(32, 6)], dim=1).reshape(32, 3, 2, 2)
        loss = twins_loss(network(pixels), 0.005, Team())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_light_for_twins_tints_darkens_and_greys():
    levels = torch.tensor([200.0, 100.0, 50.0]).reshape(1, 3, 1, 1).repeat(3, 1, 2, 2)
    draws = torch.full((3, 7), 0.5)
    draws[1, 3] = 1.0  # red gains a fifth
    draws[2, 6] = 0.1  # grey
    found = twin_light(levels, draws)
    assert torch.allclose(found[0], levels[0], atol=1e-3)
    assert found[1, :, 0, 0].tolist() == pytest.approx([240, 100, 50], abs=1e-3)
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    assert found[2, :, 0, 0].tolist() == pytest.approx([grey] * 3, abs=1e-3)


def test_processes_share_one_correlation_and_its_gradient(torchrun, tmp_path):
    """Two processes with the same pictures: the correlation is that of one, and the mean of the
    gradients, which is what training uses, too."""
    script = tmp_path / "twins.py"
    script.write_text(
        "import torch\n"
        "from train.distributed import Team, join_team\n"
        "from train.twins import twins_loss\n"
        "with join_team('cpu') as team:\n"
        "    rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))\n"
        "    gradients = []\n"
        "    for who in (Team(), team):\n"
        "        mine = rows.clone().requires_grad_()\n"
        "        loss = twins_loss(mine, 0.005, who)\n"
        "        loss.backward()\n"
        "        gradients.append(mine.grad)\n"
        "    assert torch.allclose(*gradients, atol=1e-6), gradients\n"
        "    print(f'rank {team.rank} of {team.world}: the same')\n"
    )
    done = torchrun(2, script)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["rank 0 of 2: the same", "rank 1 of 2: the same"]
