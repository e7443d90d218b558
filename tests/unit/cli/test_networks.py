"""Spaces, systems, cost and score: tables for people, one document with ``--json``."""

import json
from pathlib import Path

import pytest

from nas.language import load_space, system_names
from tests.unit.cli.conftest import Nas


def test_ready_made_spaces_are_listed_with_their_size(nas: Nas) -> None:
    (span,) = [one for one in nas("spaces", "list", "--json").document if one["name"] == "span"]

    assert span["size"] == load_space("span").size()


def test_a_space_is_shown_as_it_was_written(nas: Nas) -> None:
    assert nas("spaces", "show", "span").out.startswith("#")
    assert nas("spaces", "show", "span", "--json").document["name"] == "span"


def test_a_shown_space_is_a_space(nas: Nas, tmp_path: Path) -> None:
    file = tmp_path / "copy.yaml"
    file.write_text(nas("spaces", "show", "span").out)

    assert nas("spaces", "check", str(file), "--json").document["size"] == load_space("span").size()


def test_the_feasible_size_is_at_most_the_size(nas: Nas) -> None:
    document = nas("spaces", "size", "span", "--json").document

    assert 0 < document["feasible"] < document["size"]


def test_systems_are_listed_with_the_reports_row(nas: Nas) -> None:
    systems = {one["name"]: one for one in nas("systems", "list", "--json").document}

    assert set(systems) == set(system_names())
    assert set(systems["EMSR"]) == {"name", "team", "model", "rank", "params", "flops", "table"}
    assert (systems["EMSR"]["params"], systems["EMSR"]["flops"]) == (130_828, 8_535_015_424)


@pytest.mark.parametrize("name", system_names())
def test_a_system_costs_what_the_list_says(nas: Nas, name: str) -> None:
    shown = nas("systems", "show", name, "--json").document
    cost = nas("cost", f"system:{name}", "--json").document

    assert set(cost) == {
        "hash",
        "deployed_hash",
        "params",
        "flops",
        "activations",
        "convs",
        "training_params",
    }
    assert (cost["params"], cost["flops"]) == (shown["params"], shown["flops"])


def test_an_architecture_may_be_a_file(nas: Nas, tmp_path: Path) -> None:
    file = tmp_path / "emsr.json"
    file.write_text(json.dumps(nas("systems", "show", "EMSR", "--json").document["architecture"]))

    assert nas("cost", str(file), "--json").document == nas("cost", "system:EMSR", "--json").document


def test_every_cell_of_table_1_comes_out(nas: Nas) -> None:
    document = nas("score", "--table1", "--json").document

    assert document["cells"] == document["equal"] > 100


def test_the_baseline_scores_e_squared(nas: Nas) -> None:
    figures = ["--runtime-ms", "7", "--baseline-runtime-ms", "7", "--params", "276192", "--flops", "16703470848"]

    document = nas("score", *figures, "--json").document

    assert document == pytest.approx(dict.fromkeys(["final", "runtime", "params", "flops"], 7.389056))


@pytest.mark.parametrize(
    "arguments",
    [
        ["spaces", "list"],
        ["spaces", "size", "span"],
        ["systems", "list"],
        ["cost", "system:EMSR"],
        ["score", "--table1"],
    ],
    ids=" ".join,
)
def test_a_table_for_people_holds_no_json(nas: Nas, arguments: list[str]) -> None:
    result = nas(*arguments)

    assert result.status == 0
    assert "{" not in result.out
    assert len(result.out.splitlines()) > 1
