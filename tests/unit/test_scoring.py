import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas import scoring
from nas.errors import LanguageError, NasError, RequestError, UnknownNameError
from nas.scoring import load_edition, rank_here, score, score_ratios, table1, would_be_rank

EMSR = (9.994, 130_828, 8_535_015_424)


def own_edition(**changes: Any) -> dict[str, Any]:
    return {**load_edition("ntire2025").model_dump(exclude_none=True, exclude={"results"}), "name": "own", **changes}


def test_every_printed_score_and_rank_of_table_1_comes_out() -> None:
    table = table1()
    assert (table["cells"], table["equal"]) == (176, 176)
    assert (table["ranks"], table["ranks_equal"]) == (4 * 38, 4 * 38)
    assert len(table["rows"]) == 44


def test_a_wrong_cell_of_the_table_is_noticed() -> None:
    edition = load_edition("ntire2025").model_dump(exclude_none=True)
    edition["results"][0]["scores"]["final"] = 2.54
    edition["results"][0]["ranks"]["final"] = 2
    table = table1(load_edition(edition))
    assert (table["cells"], table["equal"], table["ranks_equal"]) == (176, 175, 151)


def test_unranked_rows_say_why() -> None:
    whys = {row["team"]: row["why"] for row in table1()["rows"] if "why" in row}
    assert set(whys) == {"SylabSR", "NJUPCA", "DepthIBN", "Cidaut AI", "IVL", "Baseline"}
    assert whys["Baseline"] == "It is the baseline."
    assert "26.66 dB on the validation set" in whys["IVL"]


def test_the_table_of_the_second_edition_is_ranked_by_its_own_weights() -> None:
    rows = {row["team"]: row for row in table1("ntire2026")["rows"]}
    assert rows["SPANV2"]["rank_final"] == 1
    assert rows["SPANV2"]["score_final"] == pytest.approx(
        0.8 * math.exp(2 * 5.24 / 7.74) + 0.1 * math.exp(2 * 0.139 / 0.151) + 0.1 * math.exp(2 * 1.59 / 9.83), abs=0.005
    )
    assert "test set" in rows["RFDN_SPAN"]["why"]
    assert len(rows) == 16


def test_tables_are_json() -> None:
    for name in scoring.edition_names():
        assert json.loads(json.dumps(table1(name), allow_nan=False)) == table1(name)


def test_the_baseline_scores_exp_2() -> None:
    own = score(22.183, 276_192, 16_703_470_848)
    assert (own.runtime, own.params, own.flops) == (math.exp(2),) * 3
    assert own.final == pytest.approx(math.exp(2))
    assert score(7.74, 150_688, 9_833_807_872, edition="ntire2026").final == pytest.approx(math.exp(2))


def test_the_runtime_counts_relative_to_the_baseline_measured_with_it() -> None:
    published, here = score(*EMSR), score(5.0, *EMSR[1:], baseline_runtime_ms=10.0)
    assert published.runtime == pytest.approx(2.46, abs=0.005)
    assert here.runtime == pytest.approx(math.e)
    assert (here.params, here.flops) == (published.params, published.flops)


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_the_final_score_lies_between_its_parts(runtime: float, params: float, flops: float) -> None:
    own = score_ratios(runtime, params, flops)
    parts = (own.runtime, own.params, own.flops)
    assert min(parts) * (1 - 1e-9) <= own.final <= max(parts) * (1 + 1e-9)
    assert score_ratios(runtime + 1, params, flops).final > own.final


def test_an_endless_score_is_still_a_number() -> None:
    own = score(1e300, 10**30, 10**30)
    assert math.isfinite(own.final)
    assert own.runtime == own.params == own.flops


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize("name", ["runtime_ms", "params", "flops", "baseline_runtime_ms"])
def test_what_is_no_figure_is_refused_by_name(name: str, bad: float) -> None:
    figures: dict[str, Any] = {"runtime_ms": 9.0, "params": 1, "flops": 1, "baseline_runtime_ms": 20.0, name: bad}
    with pytest.raises(RequestError, match=name) as caught:
        score(**figures)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["runtime_ms", "baseline_runtime_ms"])
def test_a_runtime_of_0_is_refused(name: str) -> None:
    figures: dict[str, Any] = {"runtime_ms": 9.0, "params": 0, "flops": 0, "baseline_runtime_ms": 20.0, name: 0.0}
    with pytest.raises(RequestError, match=f"{name} to be a number above 0"):
        score(**figures)


def test_nothing_in_it_is_a_network_too() -> None:
    assert score(9.0, 0, 0).params == 1.0


def test_a_rank_is_among_what_was_measured_here() -> None:
    assert rank_here(2.5, [2.0, 3.0, 2.2]) == (3, 4)
    assert str(rank_here(2.5, [2.0, 3.0, 2.2])) == "3rd of 4"
    assert rank_here(2.5, []) == (1, 1)


def test_equal_scores_share_the_better_rank() -> None:
    assert rank_here(2.5, [2.5, 2.5, 3.0]).rank == 1


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd"), (111, "111th")],
)
def test_places_are_read_as_people_say_them(number: int, word: str) -> None:
    assert scoring.ordinal(number) == word


def test_the_would_be_rank_is_among_the_ranked_rows() -> None:
    assert would_be_rank(score(*EMSR)) == (1, 39)
    assert would_be_rank(score(22.183, 276_192, 16_703_470_848)) == (21, 39)
    assert would_be_rank(score(1e6, 1, 1)) == (39, 39)


def test_the_gate_moves_with_the_baseline() -> None:
    assert scoring.gate(24.5) == pytest.approx(24.47)
    assert scoring.passes(26.90, scoring.gate(26.93))
    assert not scoring.passes(26.899, scoring.gate(26.93))
    with pytest.raises(RequestError, match="finite"):
        scoring.gate(math.nan)


def test_the_gates_are_those_of_the_printed_baseline() -> None:
    for name in scoring.edition_names():
        edition = load_edition(name)
        printed = next(row for row in edition.results if row.team == edition.baseline.team)
        assert scoring.gate(printed.psnr_val_db, edition) == pytest.approx(edition.gates.psnr_val_db)
        assert round(edition.baseline.params / 1e6, 3) == printed.params_m == edition.baseline.params_m
        assert round(edition.baseline.flops / 1e9, 2) == printed.flops_g == edition.baseline.flops_g
        assert printed.runtime_ms == edition.baseline.runtime_ms


def test_mean_runtimes_are_the_means_of_both_sets() -> None:
    for row in load_edition("ntire2025").results:
        assert (row.runtime_val_ms + row.runtime_test_ms) / 2 == pytest.approx(row.runtime_ms, abs=5.01e-4)


def test_an_edition_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(own_edition(weights={"runtime": 1.0, "params": 0.0, "flops": 0.0})))
    own = score(10.0, 1, 1, 20.0, edition=load_edition(path))
    assert own.final == own.runtime == pytest.approx(math.e)
    assert table1(load_edition(str(path)))["rows"] == []
    assert would_be_rank(own, load_edition(path)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"weights": {"runtime": 1, "params": 1, "flops": 0}}, "weights: the weights have to sum to 1"),
        ({"weights": {"runtime": 1, "params": -1, "flops": 1}}, "weights.params"),
        ({"baseline": {"system": "EFDN"}}, "baseline.team"),
        ({"gates": {"margin_db": float("nan"), "psnr_val_db": 1, "psnr_test_db": 1}}, "gates.margin_db"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_edition_is_one_sentence_with_the_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(RequestError, match=path) as caught:
        load_edition(own_edition(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("ntire2024", UnknownNameError),
        ("missing.yaml", RequestError),
        ("../ntire2025", RequestError),
        ("", UnknownNameError),
    ],
)
def test_an_edition_that_is_not_there_is_named(source: str, error: type[NasError]) -> None:
    with pytest.raises(error):
        load_edition(source)


def test_an_edition_that_explodes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("a: &a [x]\nb: [*a, *a]\n")
    with pytest.raises(LanguageError):
        load_edition(path)


def test_a_score_stands_among_the_ranked_rows_of_the_report() -> None:
    first = scoring.standing(score(*EMSR))
    assert (first.would_be_rank, first.of, first.eligible, first.why) == (1, 39, None, "")
    assert scoring.standing(score(60.0, *EMSR[1:])).would_be_rank == 33


@pytest.mark.parametrize(("psnr_db", "eligible"), [(26.93 - 0.03, True), (26.9, True), (26.89, False)])
def test_the_gate_decides_who_is_ranked(psnr_db: float, eligible: bool) -> None:
    found = scoring.standing(score(*EMSR), psnr_db)
    assert (found.gate_psnr_db, found.eligible, found.would_be_rank is not None) == (26.9, eligible, eligible)
    assert ("26.89 dB on the validation set, where 26.90 dB are required" in found.why) is not eligible


def test_an_edition_without_results_ranks_nobody() -> None:
    found = scoring.standing(score(*EMSR), 27.0, load_edition(own_edition()))
    assert (found.would_be_rank, found.of, found.eligible) == (None, None, True)


def test_a_gate_takes_no_endless_psnr() -> None:
    with pytest.raises(RequestError, match="psnr_db to be finite"):
        scoring.standing(score(*EMSR), math.inf)
