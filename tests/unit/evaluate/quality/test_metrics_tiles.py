import pytest
import torch
from torch import Tensor, nn

from nas import build
from nas.errors import MeasurementError
from nas.evaluate.quality import metrics_tiles
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.metrics_tiles import Tiling, measure, restore, restore_where_it_fits
from nas.evaluate.quality.results import psnr_db

CPU = torch.device("cpu")
PICTURE = torch.rand(1, 3, 150, 205, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_tiles, "FARTHEST", 24)


def _convolutions(*kernels: int) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3 if not at else 4, 4, kernel, padding=kernel // 2) for at, kernel in enumerate(kernels)]
    return nn.Sequential(*layers, nn.Conv2d(4, 12, 1), nn.PixelShuffle(2)).eval()


class Whole(nn.Module):
    """Looks at the whole picture: its mean shifts every pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x + x.mean(), scale_factor=2)


class Pooled(nn.Module):
    """Adds what its strided pooling saw, repeated: the same for a tile only if that begins on the pooling's grid."""

    def forward(self, x: Tensor) -> Tensor:
        seen = nn.functional.max_pool2d(x, 6, ceil_mode=True)
        seen = seen.repeat_interleave(6, 2).repeat_interleave(6, 3)[..., : x.shape[2], : x.shape[3]]
        return nn.functional.interpolate(x + seen, scale_factor=2)


@pytest.mark.parametrize(("kernels", "overlap"), [((1,), 0), ((3, 3), 48), ((11, 9, 7, 5, 5), 48)])
def test_tiles_overlap_by_what_a_network_sees_and_show_the_same(kernels: tuple[int, ...], overlap: int) -> None:
    network = _convolutions(*kernels)
    tiling = measure(network, 48, CPU)
    assert tiling == Tiling(48, overlap, exact=True)
    torch.testing.assert_close(restore(network, PICTURE, tiling=tiling), restore(network, PICTURE), rtol=0, atol=1e-5)


def test_less_overlap_would_show() -> None:
    network = _convolutions(3, 3)
    seams = restore(network, PICTURE, tiling=Tiling(48, 0, exact=True)) - restore(network, PICTURE)
    assert seams.abs().max() > 1e-3
    assert seams[..., 8:88, 8:88].abs().max() < 1e-5


def test_tiles_begin_on_the_grid_of_strides_and_windows() -> None:
    tiling = measure(Pooled(), 100, CPU)
    assert tiling.exact
    assert torch.equal(restore(Pooled(), PICTURE, tiling=tiling), restore(Pooled(), PICTURE))


@pytest.mark.parametrize("network", [Whole(), _convolutions(31, 31)], ids=["mean", "far"])
def test_a_network_that_sees_farther_is_said_to_change(network: nn.Module) -> None:
    assert measure(network, 64, CPU) == Tiling(64, 48, exact=False)


class Full(nn.Module):
    """Has memory for so many LR pixels only."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] > self.pixels:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return nn.functional.interpolate(x, scale_factor=4)


def test_memory_decides_on_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_tiles, "FARTHEST", 0)
    said: list[str] = []
    expected = Full(10**9)(PICTURE)
    assert torch.equal(restore_where_it_fits(Full(10**9), PICTURE, warn=said.append), expected)
    assert not said
    assert torch.equal(restore_where_it_fits(Full(144**2), PICTURE, warn=said.append), expected)
    assert said == ["worked in tiles of 128 with 0 LR pixels of overlap; the result is the same"]
    with pytest.raises(MeasurementError, match="64x64"):
        restore_where_it_fits(Full(100), PICTURE, warn=said.append)


def test_a_look_in_between_survives_a_full_memory(photographs: ImageSet) -> None:
    class Once(Full):
        """Is out of memory the first time."""

        def forward(self, x: Tensor) -> Tensor:
            room, self.pixels = self.pixels, 10**9
            restored: Tensor = Full(room)(x)
            return restored

    assert psnr_db(Once(1), photographs, CPU) == psnr_db(Full(10**9), photographs, CPU)


def test_a_picture_too_large_for_a_cpu_is_never_tried_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_tiles, "WHOLE_PIXELS", 1000)
    said: list[str] = []
    assert restore_where_it_fits(_convolutions(3), PICTURE, warn=said.append).shape == (1, 3, 300, 410)
    assert "tiles of 512" in said[0]


def test_another_error_is_not_taken_for_memory() -> None:
    with pytest.raises(RuntimeError, match="expected input"):
        restore_where_it_fits(_convolutions(3), PICTURE[:, :2], warn=print)


def _built(attention: object) -> nn.Module:
    body = [{"op": "conv", "kernel": 3}, attention]
    network = {
        "width": 8,
        "head": {"op": "conv", "kernel": 3},
        "body": body,
        "tail": {"op": "pixelshuffle", "kernel": 3},
    }
    torch.manual_seed(0)
    built = build({"language": 1, "scale": 4, "network": network})
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(3)  # as lively as a trained network
    return built.eval()


@pytest.mark.parametrize(("attention", "exact"), [("silu", True), ({"op": "esa", "inner": 4}, False)])
def test_attention_stretched_to_the_pictures_size_is_another_in_a_tile(attention: object, exact: bool) -> None:
    assert measure(_built(attention), 64, CPU).exact is exact


@pytest.mark.parametrize("system", ["SCMSR", "Quantum_Res"])
def test_published_systems_that_draw_restore_a_picture_always_alike(system: str) -> None:
    network = build(f"system:{system}").eval()
    torch.manual_seed(1)
    first = restore(network, PICTURE[..., :32, :32])
    torch.manual_seed(2)
    assert torch.equal(restore(network, PICTURE[..., :32, :32]), first)
