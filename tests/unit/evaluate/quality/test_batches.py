from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import DataError
from nas.evaluate.quality.batches import CropSource, draws
from nas.evaluate.quality.data import Pair, Pairs

CPU = torch.device("cpu")


def _pair(image: int, height: int, width: int, scale: int = 4) -> Pair:
    """A photograph whose HR pixel says where it stands: (row, column, image)."""
    rows, columns = torch.meshgrid(torch.arange(height * scale), torch.arange(width * scale), indexing="ij")
    hr = torch.stack([rows, columns, torch.full_like(rows, image)], dim=2).to(torch.uint8)
    lr = torch.cat([hr[::scale, ::scale, :2] // scale, hr[::scale, ::scale, 2:]], dim=2)
    return Pair(str(image), hr, lr)


PAIRS = (_pair(0, 12, 20), _pair(1, 9, 8), _pair(2, 40, 11))


def _many(source: CropSource, count: int = 600) -> tuple[Tensor, Tensor]:
    lr, hr = source.batch(source.draws(3, 0, steps=1, batch=count)[0])
    return (lr * 255).round().long(), (hr * 255).round().long()


def test_draws_follow_from_seed_and_step_and_not_from_the_chunk() -> None:
    whole = draws(5, 100, (6, 3, 4), CPU)
    assert torch.equal(torch.cat([draws(5, 100, (2, 3, 4), CPU), draws(5, 102, (4, 3, 4), CPU)]), whole)
    assert not torch.equal(draws(6, 100, (6, 3, 4), CPU), whole)
    assert len(set(whole.flatten().tolist())) == whole.numel()
    assert (whole >= 0).all()


def test_draws_never_change() -> None:
    assert draws(1, 2, (1, 1, 4), CPU).flatten().tolist() == [
        3391245575278488096,
        2307571478258111926,
        8400972143974238905,
        9048975092170364016,
    ]


def test_draws_are_uniform_in_every_position() -> None:
    eighths = draws(0, 0, (500, 8, 4), CPU).flatten(0, 1) % 8
    counts = torch.stack([torch.bincount(column, minlength=8) for column in eighths.T])
    assert ((counts - 500).abs() < 120).all()


def test_lr_and_hr_crops_show_the_same_place_in_the_same_orientation() -> None:
    lr, hr = _many(CropSource(PAIRS, 5, CPU))
    centre = F.avg_pool2d(hr.float(), 4)
    assert torch.equal(centre[:, :2], lr[:, :2] * 4 + 1.5)
    assert torch.equal(centre[:, 2], lr[:, 2].float())


def test_a_crop_holds_neighbouring_pixels_of_one_image() -> None:
    lr, hr = _many(CropSource(PAIRS, 5, CPU))
    for crops, side in ((lr, 5), (hr, 20)):
        spread = crops.amax((2, 3)) - crops.amin((2, 3))
        assert torch.equal(spread, torch.tensor([side - 1, side - 1, 0]).expand_as(spread))


def test_all_eight_orientations_occur_equally() -> None:
    lr, _ = _many(CropSource(PAIRS, 5, CPU), 1600)
    position = lr[:, :2]
    orientation = torch.cat([position[:, :, 1, 0], position[:, :, 0, 1]], 1) - position[:, :, 0, 0].repeat(1, 2)
    counts = Counter(map(tuple, orientation.tolist()))
    assert len(counts) == 8
    assert all(abs(count - 200) < 70 for count in counts.values())


def test_every_image_and_every_position_can_be_drawn() -> None:
    lr, _ = _many(CropSource(PAIRS, 8, CPU), 3000)
    corners = torch.stack([lr[:, 2, 0, 0], lr[:, 0].amin((1, 2)), lr[:, 1].amin((1, 2))], 1)
    expected = sum((pair.lr.shape[0] - 7) * (pair.lr.shape[1] - 7) for pair in PAIRS)
    assert len(set(map(tuple, corners.tolist()))) == expected
    counts = torch.bincount(lr[:, 2, 0, 0])
    assert ((counts - 1000).abs() < 150).all()


def test_images_smaller_than_the_patch_are_left_out() -> None:
    lr, _ = _many(CropSource(PAIRS, 11, CPU))
    assert set(lr[:, 2].flatten().tolist()) == {0, 2}


def test_a_patch_no_image_can_hold_is_refused() -> None:
    with pytest.raises(DataError, match="13x13 LR pixels"):
        CropSource(PAIRS, 13, CPU)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_device_that_holds_the_photographs_cuts_what_the_host_cuts(scale: int) -> None:
    generator = torch.Generator().manual_seed(scale)
    pairs = []
    for name, (height, width) in {"a": (9, 14), "small": (5, 30), "b": (22, 8)}.items():
        sizes = ((scale * height, scale * width, 3), (height, width, 3))
        pairs.append(Pair(name, *(torch.randint(256, s, dtype=torch.uint8, generator=generator) for s in sizes)))
    held, host = (CropSource(pairs, 6, CPU, resident=resident) for resident in (True, False))
    for step in range(3):
        batches = [source.batch(source.draws(7, step, steps=1, batch=40)[0]) for source in (held, host)]
        for a, b in zip(*batches, strict=True):
            assert torch.equal(a, b)
            assert a.is_contiguous()
            assert b.is_contiguous()


def test_pixels_are_copied_to_a_device_once_for_all_stages() -> None:
    pairs = Pairs(PAIRS)
    assert not pairs.held_by(CPU)
    assert pairs.resident(CPU) is pairs.resident(CPU)
    assert pairs.held_by(CPU)
    assert pairs.bytes == sum(pair.hr.numel() + pair.lr.numel() for pair in PAIRS)


def test_a_set_that_only_judges_is_refused() -> None:
    with pytest.raises(DataError, match="none to train on"):
        CropSource([], 8, CPU)


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales_are_cut_alike(scale: int) -> None:
    lr, hr = _many(CropSource([_pair(0, 12, 20, scale)], 6, CPU), 50)
    assert torch.equal(F.avg_pool2d(hr.float(), scale)[:, :2], lr[:, :2] * scale + (scale - 1) / 2)
