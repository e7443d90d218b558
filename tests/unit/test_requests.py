from typing import Any

import pytest

from nas.errors import LanguageError, NasError
from nas.language import load_space
from nas.reach import RANDOM_TRIES, nearest
from nas.requests import FieldError, SearchRequest, check, document_name, parse, recipe_names

ONE: dict[str, Any] = {
    "language": 1,
    "name": "one",
    "scale": 4,
    "network": {
        "width": 8,
        "head": {"op": "conv", "kernel": 3},
        "tail": {"op": "pixelshuffle", "kernel": 3},
    },
}


def test_a_request_comes_back_from_the_store_as_it_was() -> None:
    request = SearchRequest(space=ONE, objectives=("psnr", "latency"), require=("params <= 9999",), seed=3)
    assert parse(request.model_dump(mode="json")) == request


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, "space"),
        ({"space": "span", "trials": -1}, "trials"),
        ({"space": "span", "seed": 1.5}, "seed"),
        ({"space": "span", "wave": 65}, "wave"),
        ({"space": "span", "sampler": "best"}, "sampler"),
        ({"space": "span", "objectives": ["psnr", "psnr"]}, "objectives"),
        ({"space": "span", "device": "cuda:"}, "device"),
        ({"space": "span", "speed": 1}, "speed"),
    ],
)
def test_a_value_out_of_its_range_is_one_sentence(values: dict[str, Any], path: str) -> None:
    with pytest.raises(FieldError) as caught:
        parse(values)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_bounds_of_space_and_request_stand_together() -> None:
    checked = check(SearchRequest(space="span", require=("latency_ms <= 10",)))
    assert [bound.text for bound in checked.requirements][-1] == "latency_ms <= 10"
    assert len(checked.requirements) == len(load_space("span").require) + 1


def test_bounds_of_the_request_may_not_contradict_those_of_the_space() -> None:
    with pytest.raises(LanguageError, match="contradict"):
        check(SearchRequest(space="span", require=("params >= 300000",)))


def test_a_bound_that_only_few_architectures_meet_is_reached_step_by_step() -> None:
    checked = check(SearchRequest(space="span", require=("params <= 14000",)))
    found = nearest(checked.space, [bound for bound in checked.requirements if bound.static])
    assert found.cost.params <= 14_000
    assert found.tries > RANDOM_TRIES


def test_a_bound_that_nothing_meets_names_the_nearest() -> None:
    with pytest.raises(FieldError, match=r"the nearest of \d+ has params [\d,]+"):
        check(SearchRequest(space="span", require=("params <= 1",)))


def test_a_space_of_one_architecture_is_looked_at() -> None:
    with pytest.raises(FieldError, match="'one'"):
        check(SearchRequest(space=ONE, require=("params <= 1",)))
    assert check(SearchRequest(space=ONE)).size == 1


@pytest.mark.parametrize("space", ["spam", "./span.yaml", "/etc/passwd", ""])
def test_a_text_is_a_name_and_never_a_path(space: str) -> None:
    with pytest.raises(FieldError, match="Unknown space"):
        check(SearchRequest(space=space))


def test_what_is_wrong_in_a_space_is_located_in_the_request() -> None:
    with pytest.raises(NasError, match=r"^space\..*head\.op: Unknown op 'cnv'"):
        check(SearchRequest(space={**ONE, "network": {**ONE["network"], "head": {"op": "cnv"}}}))


def test_an_unknown_recipe_is_refused() -> None:
    assert "demo" in recipe_names()
    with pytest.raises(FieldError, match="Did you mean 'demo'"):
        check(SearchRequest(space="span", recipe="demoo"))


def test_documents_are_called_by_their_names() -> None:
    assert (document_name("span"), document_name(ONE), document_name({})) == ("span", "one", "unnamed")
