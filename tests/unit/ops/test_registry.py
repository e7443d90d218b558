import os
import pickle
import subprocess
import sys

import pytest

from nas.errors import UnknownNameError
from nas.ops import registry
from nas.ops.base import REGISTRY, Op
from nas.ops.block import Spab
from nas.ops.fields import specs
from nas.registry import NameTakenError

OPS = sorted(registry())
KINDS = {"conv", "activation", "attention", "block", "cell", "fusion", "skip", "stem", "upsampler", "norm", "training"}


@pytest.mark.parametrize("name", OPS)
def test_an_op_states_its_name_its_kind_and_what_it_does(name: str) -> None:
    cls = registry()[name]
    assert cls.name == name
    assert cls.kind in KINDS
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}(")


@pytest.mark.parametrize("name", OPS)
def test_every_field_has_a_line_and_a_domain(name: str) -> None:
    for field, spec in specs(registry()[name]).items():
        assert spec.doc.strip(), field
        assert spec.domain().strip(), field


@pytest.mark.parametrize("name", OPS)
def test_every_default_is_a_value_the_field_takes(name: str) -> None:
    cls = registry()[name]
    for field, default in cls.defaults().items():
        spec = cls.specs()[field]
        nested = isinstance(default, Op) or (isinstance(default, tuple) and default and isinstance(default[0], Op))
        if not nested and default is not None:
            assert spec.parse(spec.plain(default)) == default


def test_a_name_is_taken_once_and_a_failed_addition_changes_nothing() -> None:
    before = dict(REGISTRY)
    with pytest.raises(NameTakenError, match="'spab' is registered twice"):
        REGISTRY.add("spab", Spab)
    assert dict(REGISTRY) == before


def test_an_unknown_name_brings_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'spab'"):
        REGISTRY.find("spap")


def test_an_op_keeps_its_value_in_another_process() -> None:
    check = (
        "import pickle, sys; from nas.ops.block import Spab; "
        "op = pickle.load(sys.stdin.buffer); assert {op: 1}[Spab(n=2)] == 1"
    )
    op = Spab(n=2)
    hash(op)
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", check], input=pickle.dumps(op), check=True, env=environment)
