import math
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from nas.networks import call
from nas.networks.routed import ContentMixer
from nas.networks.transposed import ChannelAttention
from nas.networks.windows import SelfCorrelation, WindowAttention, Windowed
from nas.ops import routed, transposed


def test_windows_are_cut_and_joined_again() -> None:
    x = torch.randn(2, 3, 8, 12)
    tokens = Windowed.cut(x, 4)
    assert tokens.shape == (12, 16, 3)
    assert torch.equal(tokens[1, 6], x[0, :, 1, 6])
    assert torch.equal(Windowed.joined(tokens, 4, 8, 12), x)


def test_an_image_is_mirrored_until_windows_cover_it() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert Windowed().cover(x, 8)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]


@pytest.mark.parametrize("fold", [1, 2])
def test_what_wraps_around_the_image_is_kept_apart(fold: int) -> None:
    """A change on one side of the image reaches nothing on the other, though a shifted window holds both."""
    attention = WindowAttention(8, 4, heads=2, shift=2, fold=fold)
    x = torch.randn(1, 8, 8, 8)
    other = x.clone()
    other[..., :2, :] += 1
    changed = (attention(x) - attention(other)).abs().amax((0, 1, 3))
    assert changed[:2].min() > 1e-4
    assert changed[2:].max() < 1e-6


def test_attention_without_folding_is_the_plain_one() -> None:
    attention, x = WindowAttention(8, 4, heads=2), torch.randn(1, 8, 4, 4)
    tokens = x.flatten(2).transpose(1, 2)
    q, k, v = (
        part.view(16, 2, 4).transpose(0, 1) for part in torch.split(attention.pair(tokens)[0], [8, 8, 8], dim=-1)
    )
    places = [(row, column) for row in range(4) for column in range(4)]
    bias = torch.stack(
        [torch.stack([attention.bias[(a[0] - b[0] + 3) * 7 + a[1] - b[1] + 3] for b in places]) for a in places]
    )
    scores = q @ k.transpose(1, 2) / math.sqrt(4) + bias.permute(2, 0, 1)
    expected = attention.mix((scores.softmax(-1) @ v).transpose(0, 1).reshape(16, 8)).t().view(8, 4, 4)
    assert torch.allclose(attention(x)[0], expected, atol=1e-6)


def test_a_cell_is_biased_by_the_mean_of_its_pixels() -> None:
    module = SelfCorrelation(
        8, 8, bottleneck=[nn.Identity()] * 3, gate=nn.Identity(), heads=2, base=4, position_inner=3
    )
    bias = module.bias().view(2, 8, 8, 4, 4)
    offsets = torch.tensor([[5.0 - row, 2.0 - column] for row in (2, 3) for column in (6, 7)])
    assert torch.allclose(bias[:, 5, 2, 1, 3], module.position(offsets).mean(0), atol=1e-6)


def tiled(tile: int) -> ChannelAttention:
    op = transposed.ChannelAttention(heads=2, tile=tile).bind((4,), 4)
    return cast(ChannelAttention, call(op, (4,)).build())


def test_tiles_of_channel_attention_end_at_the_border() -> None:
    attention = tiled(8)
    assert attention.starts(8) == [0]
    assert attention.starts(9) == [0, 1]
    assert attention.starts(20) == [0, 6, 12]


def test_one_tile_attends_as_the_whole_image() -> None:
    x = torch.randn(1, 4, 6, 7)
    small, large = tiled(8), tiled(64)
    large.load_state_dict(small.state_dict())
    assert torch.equal(small(x), large(x))


def mixer_of_small_windows() -> ContentMixer:
    op = routed.ContentMixer(window=4, reach=2.0).bind((6, 2), 6)
    return cast(ContentMixer, call(op, (6, 2)).build().eval())


def drawn(mixer: ContentMixer, *inputs: Tensor) -> Tensor:
    torch.manual_seed(3)
    result: Tensor = mixer(*inputs)
    return result


def test_the_windows_that_are_drawn_are_those_of_the_highest_scores() -> None:
    """Computing only the drawn windows is computing all and taking these."""
    mixer = mixer_of_small_windows()
    parts = [torch.randn(12, 16, 6) for _ in range(4)]
    scores = torch.rand(2, 6)
    found = mixer.chosen(parts, scores, torch.tensor(0.5))
    best = {image * 6 + int(window) for image in (0, 1) for window in scores[image].topk(3).indices}
    attended = mixer.attended(*parts[:3])
    for window in range(12):
        expected = attended[window] if window in best else parts[3][window]
        assert torch.allclose(found[window], expected, atol=1e-6)


def test_a_draw_is_repeated_from_the_same_state_of_the_generator() -> None:
    mixer, x = mixer_of_small_windows(), torch.randn(1, 6, 18, 18)
    condition = torch.randn(1, 2, 18, 18)
    assert torch.equal(drawn(mixer, x, condition), drawn(mixer, x, condition))


def test_warping_by_whole_pixels_shifts_the_image() -> None:
    x, offsets = torch.randn(1, 3, 5, 6), torch.zeros(1, 2, 5, 6)
    offsets[:, 0] = 2
    assert torch.allclose(ContentMixer.warped(x, offsets)[..., :4], x[..., 2:], atol=1e-5)
