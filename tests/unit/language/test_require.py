import pytest

from nas.errors import LanguageError
from nas.language import check_contradictions, parse_requirement


@pytest.mark.parametrize(
    ("text", "metrics", "holds"),
    [
        ("params <= 276000", {"params": 276_000}, True),
        ("params <= 276000", {"params": 276_001}, False),
        ("16.7e9 >= flops", {"flops": 1e9}, True),
        ("latency_ms < 10", {"latency_ms": 12.0}, False),
        ("params / 276192 + flops / 16703470848 <= 1.5", {"params": 276_192, "flops": 16_703_470_848}, False),
        ("psnr_db >= 26.9", {"psnr_db": 27.0}, True),
    ],
)
def test_a_bound_holds_or_not(text: str, metrics: dict[str, float], holds: bool) -> None:
    assert (parse_requirement(text).violation(metrics) <= 0) is holds


def test_a_violation_is_relative_to_the_bound() -> None:
    assert parse_requirement("params <= 100").violation({"params": 150}) == pytest.approx(0.5)


def test_static_bounds_can_be_decided_from_the_tree() -> None:
    assert parse_requirement("params <= 1").static
    assert not parse_requirement("params * latency_ms <= 1").static


@pytest.mark.parametrize(
    "text",
    [
        "params",
        "params == 3",
        "1 < params < 3",
        "speed <= 3",
        "3 <= 4",
        "params <= ",
        "params <= x",
        "",
        "params <= 1/0",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(LanguageError):
        parse_requirement(text)


@pytest.mark.parametrize(
    "texts", [("params <= 1", "params >= 2"), ("2 <= params", "params < 1"), ("latency_ms <= 0",), ("flops <= -1",)]
)
def test_contradictions_are_named(texts: tuple[str, ...]) -> None:
    with pytest.raises(LanguageError, match=r"contradict|never hold"):
        check_contradictions(tuple(parse_requirement(text) for text in texts))


def test_a_window_is_no_contradiction() -> None:
    check_contradictions(tuple(parse_requirement(text) for text in ("params >= 1e5", "params <= 2e5", "flops <= 1e10")))
