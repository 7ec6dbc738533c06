import timm
import torch

from export.reject_taps import choose_stages, look


class Plain(torch.nn.Module):
    """Pixels -> the mean of each colour; no network of timm's."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean(dim=(2, 3))


def network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=0).eval()


def test_a_network_of_timms_is_tapped_at_each_stage_and_its_features_stay_the_same():
    tested = network("test_convnext")
    stages = choose_stages(tested, 64)
    assert stages == (0, 1, 2, 3)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        pooled, features = look(tested, pixels, stages)
        maps = tested.forward_intermediates(pixels, indices=[0], intermediates_only=True)
        assert torch.allclose(features, tested(pixels), atol=1e-5)
    width = maps[0].shape[1]
    assert torch.equal(pooled[:, :width], maps[0].mean(dim=(2, 3)))
    assert torch.equal(pooled[:, width : 2 * width], maps[0].amax(dim=(2, 3)))


def test_of_many_blocks_some_are_tapped_the_last_among_them():
    assert choose_stages(network("test_vit"), 160)[-1] == len(network("test_vit").blocks) - 1


def test_any_other_network_is_not_tapped():
    assert choose_stages(Plain(), 16) == ()
    pixels = torch.rand(2, 3, 4, 4)
    pooled, features = look(Plain(), pixels, ())
    assert (pooled.shape, features.tolist()) == ((2, 0), pixels.mean(dim=(2, 3)).tolist())


def test_a_network_whose_features_come_out_otherwise_on_that_way_is_not_tapped():
    tested = network("test_convnext")
    tested.forward = lambda pixels: 2 * tested.forward_head(tested.forward_features(pixels))
    assert choose_stages(tested, 64) == ()
