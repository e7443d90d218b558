from typing import Any

import pytest

import nas
from nas.costing import cost
from nas.errors import LanguageError, NasError
from nas.ops.branches import MultiKernel
from nas.ops.conv import Conv
from nas.ops.separable import Bsu
from nas.ops.training import Conv3XC, Plain

REFUSED: dict[str, tuple[Any, str, str]] = {
    "more channels split off than there are": ({"op": "safm", "split": 8}, "split", "leaves no others"),
    "a ratio that makes half a channel": ({"op": "ffn", "ratio": 1.1}, "ratio", "8.8"),
    "groups that do not divide": ({"op": "involution", "groups": 3}, "groups", "do not divide 8 channels"),
    "an even window": ({"op": "ffn", "depthwise": 4}, "depthwise", "odd"),
    "a weight between one thing": ({"op": "pooled_gate", "weighted": True}, "weighted", "variance"),
    "features of two widths multiplied": (
        {"op": "multiply", "of": ["in", {"op": "conv", "width": 4}]},
        "of",
        "cannot be multiplied",
    ),
    "a refining step that widens": (
        {"op": "rfd_cell", "refine": {"op": "conv", "width": 8}},
        "width",
        "leave width out",
    ),
    "a refining step that shrinks": ({"op": "rfd_cell", "refine": {"op": "bsu", "stride": 2}}, "conv", "stride 1"),
    "an op that keeps its channels where it must not": (
        {"op": "rfd_cell", "refine": {"op": "involution", "groups": 2}},
        "refine",
        "makes no 4 channels of 8",
    ),
    "a part without a bias to set": (
        {"op": "esa", "conv": {"op": "involution", "groups": 2}},
        "conv",
        "involution has no stride",
    ),
    "a training form that fits no convolution of a chain": (
        {"op": "bsu", "train": {"op": "edbb"}},
        "train",
        "3x3 window",
    ),
    "a form for depthwise convolutions on a dense one": ({"op": "conv", "train": "multi_kernel"}, "train", "depthwise"),
}


def network(step: Any) -> dict[str, Any]:
    body = {"width": 8, "head": "conv", "body": [step], "tail": {"op": "pixelshuffle", "kernel": 3}}
    return {"language": 1, "scale": 2, "network": body}


@pytest.mark.parametrize(("step", "field", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(step: Any, field: str, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        nas.architecture(network(step))
    assert caught.value.path.endswith(field)
    assert words in str(caught.value)


@pytest.mark.parametrize("step", [{"op": "pooled_gate", "pool": 16}, {"op": "esa"}, {"op": "local_attention"}], ids=str)
def test_an_image_too_small_for_a_pooling_cannot_be_costed(step: Any) -> None:
    arch = nas.architecture(network(step))
    with pytest.raises(NasError, match="needs an input of at least"):
        cost(arch, 6, 40)


def test_each_convolution_of_a_chain_takes_the_form_that_fits_it() -> None:
    def forms(train: Any) -> list[type]:
        return [type(conv.train) for conv in Bsu(width=8, train=train).bind((8,), 8).parts(8)]

    assert forms(Plain()) == [Plain, Plain]
    assert forms(MultiKernel()) == [Plain, MultiKernel]
    assert forms(Conv3XC()) == [Conv3XC, Plain]
    assert isinstance(Conv(width=8, groups=8, train=MultiKernel()).bind((8,), 8).train, MultiKernel)
