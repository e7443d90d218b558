import pytest
import torch
from torch import nn

from nas.errors import BuildError
from nas.networks import Call, call
from nas.networks.attention import Esa
from nas.networks.block import ConvBlock, Spab
from nas.networks.calls import translate
from nas.networks.conv import train
from nas.ops import Op, registry
from nas.ops.block import Spab as SpabOp

OPS = sorted(registry())


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_a_network(name: str) -> None:
    cls = registry()[name]
    dispatcher = train if cls.kind == "training" else translate
    assert dispatcher.dispatch(cls) is not dispatcher.dispatch(object)


def test_an_op_without_one_is_named() -> None:
    class Strange(Op):
        name = "strange"

    with pytest.raises(BuildError, match="'strange' has no network"):
        call(Strange(), (3,))


def test_source_is_the_constructor_call_with_plain_values() -> None:
    made = Call(nn.Conv2d, 3, 8, (3, 1), padding=(1, 0), bias=False)
    assert made.source() == "nn.Conv2d(3, 8, (3, 1), padding=(1, 0), bias=False)"


def test_equal_parts_are_written_once() -> None:
    source = call(SpabOp(n=2).bind((4,), 4), (4,)).source()
    assert source == ("Spab([nn.Conv2d(4, 4, 3, padding=1) for _ in range(2)], [nn.SiLU(inplace=True)])")


def test_long_calls_take_a_line_for_every_argument() -> None:
    made = Call(nn.Sequential, *[Call(nn.Conv2d, 3, 8 + step, 3) for step in range(6)])
    lines = made.source(indent=4).splitlines()
    assert lines[0] == "nn.Sequential("
    assert lines[1] == "        nn.Conv2d(3, 8, 3),"
    assert lines[-1] == "    )"


def test_source_evaluates_to_the_module_that_is_built() -> None:
    made = call(SpabOp().bind((4,), 4), (4,))
    twin = eval(made.source(), {"nn": nn, "Spab": Spab})
    assert repr(twin) == repr(made.build())


def test_classes_of_ours_come_with_their_bases_first() -> None:
    made = Call(Spab, [Call(nn.Conv2d, 4, 4, 1)], [], attention=Call(Esa))
    assert made.classes() == [Esa, ConvBlock, Spab]


def test_equal_calls_build_separate_modules() -> None:
    module = call(SpabOp(n=2).bind((4,), 4), (4,)).build()
    assert isinstance(module, Spab)
    assert module.convs[0] is not module.convs[1]
    assert not torch.equal(next(module.convs[0].parameters()), next(module.convs[1].parameters()))
