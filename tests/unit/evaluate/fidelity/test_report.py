from dataclasses import replace

import pytest

from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.fidelity.report import report

SHORT, LONG = Length(100, "demo"), Length(400, "demo")


def family(count: int = 12) -> list[Candidate]:
    """Networks that are the better the larger they are; the short training mixes up two neighbours."""
    found = []
    for number in range(count):
        early = 20 + 0.1 * (number ^ 1)
        runs = {SHORT: {0: early, 1: 20 + 0.1 * number}, LONG: {0: 22 + 0.1 * number, 1: 22.02 + 0.1 * number}}
        sums = {SHORT: {0: 5.0 - 0.1 * number}}
        found.append(
            Candidate(f"h{number}", 1000 + number, 10**9 + number, 5.0, runs, sums, {"synflow": -1.0 * number})
        )
    return found


def test_rungs_and_baselines_are_compared_with_the_longest_training() -> None:
    document = report(family())
    assert document["truth"] == {"step": 400, "recipe": "demo", "networks": 12}
    (rung,) = document["rungs"]
    by_name = {one["name"]: one["spearman"]["value"] for one in document["baselines"]}
    assert rung["spearman"]["value"] == pytest.approx(1 - 6 * 12 / (12 * 143))
    assert by_name == {
        "log params": pytest.approx(1),
        "log FLOPs": pytest.approx(1),
        "training speed, 100 steps": pytest.approx(1),
        "synflow": pytest.approx(-1),
    }


def test_a_rung_is_held_against_seeds_that_do_not_share_its_luck() -> None:
    found = family()
    first = found[0]
    lucky = replace(first, psnr_db={**first.psnr_db, LONG: {0: 30.0, 1: 22.0}})
    (rung,) = report([lucky, *found[1:]])["rungs"]
    assert rung["across_seeds"]["spearman"]["value"] > rung["spearman"]["value"]


def test_the_band_is_of_latency_where_all_were_measured_else_of_flops() -> None:
    found = family()
    (rung,) = report(found)["rungs"]
    assert (rung["within_band"]["by"], rung["within_band"]["networks"]) == ("latency_ms", 12)
    (rung,) = report([replace(found[0], latency_ms=None), *found[1:]])["rungs"]
    assert rung["within_band"]["by"] == "flops"


def test_the_truth_is_what_three_networks_share() -> None:
    found = family(4)
    longer = {**found[0].psnr_db, Length(9000, "full"): {0: 27.0}}
    document = report([replace(found[0], psnr_db=longer), *found[1:]])
    assert document["truth"]["step"] == 400
    assert document["rungs"][0]["why_not"].startswith("too few to say: 4 networks")
    assert document["rungs"][0]["spearman"] is None


def test_without_trainings_there_is_no_truth() -> None:
    document = report([Candidate("h", 1, 1)])
    assert (document["truth"], document["rungs"], document["baselines"], document["noise"]) == (None, [], [], [])
