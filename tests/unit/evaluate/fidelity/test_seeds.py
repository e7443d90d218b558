import numpy as np
import pytest

from nas.evaluate.fidelity.seeds import noise

LEVELS = [20.0 + 0.1 * number for number in range(9)]


def test_what_a_seed_does_to_all_networks_cancels_between_them() -> None:
    found = noise({f"{level}": {0: level, 1: level + 0.2} for level in LEVELS})
    assert found is not None
    assert found["sd_db"]["value"] == pytest.approx(0.2 / np.sqrt(2))
    assert found["unpaired_sd_db"]["value"] == pytest.approx(0.2)
    assert found["paired_sd_db"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert found["ranks"]["spearman"]["value"] == pytest.approx(1.0)


def test_what_it_does_to_each_alone_does_not() -> None:
    rng = np.random.default_rng(0)
    table = {str(number): dict(enumerate(rng.normal(20, 0.05, size=4))) for number in range(300)}
    found = noise(table)
    assert found is not None
    assert found["paired_sd_db"]["value"] == pytest.approx(0.05 * np.sqrt(2), rel=0.05)
    low, high = found["paired_sd_db"]["interval"]
    assert low < found["paired_sd_db"]["value"] < high


def test_networks_with_other_seeds_are_left_out() -> None:
    table = {f"{level}": {0: level, 1: level} for level in LEVELS} | {"odd": {0: 1.0, 7: 9.0}, "one": {0: 3.0}}
    found = noise(table)
    assert found is not None
    assert (found["seeds"], found["networks"], found["sd_db"]["value"]) == ([0, 1], 9, 0.0)


def test_one_seed_tells_nothing_of_noise() -> None:
    assert noise({"a": {0: 1.0}, "b": {0: 2.0}}) is None
