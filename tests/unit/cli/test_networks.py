"""Spaces, systems, cost and score: tables for people, one document with ``--json``."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.language import load_architecture, load_space, system_names
from nas.networks import build
from nas.scoring import load_edition
from tests.unit.cli.conftest import Nas
from tests.unit.networks.published.weights import checkpoint


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
    assert set(systems["EMSR"]) == {
        *("name", "team", "model", "rank", "unranked", "baseline_of", "params", "flops", "table")
    }
    assert (systems["EMSR"]["params"], systems["EMSR"]["flops"]) == (130_828, 8_535_015_424)


def test_the_list_tells_baselines_from_what_was_not_ranked(nas: Nas) -> None:
    lines = nas("systems", "list").out.splitlines()
    told = {line.split()[0]: line for line in lines if line.split()}

    assert "baseline of ntire2025" in told["EFDN"]
    assert "baseline of ntire2026" in told["SPAN"]
    assert "unranked" in told["IVL"]


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

    assert (document["cells"], document["equal"]) == (176, 176)


def test_table_1_says_who_is_not_ranked_and_why(nas: Nas) -> None:
    result = nas("score", "--table1")

    assert "176 of 176 score cells" in result.err
    assert "IVL is not ranked. Its PSNR is 26.66 dB on the validation set, where 26.90 dB are required" in result.err
    assert result.err.count("is not ranked.") == 6


def test_the_baseline_scores_e_squared(nas: Nas) -> None:
    figures = ["--runtime-ms", "7", "--baseline-runtime-ms", "7", "--params", "276192", "--flops", "16703470848"]

    document = nas("score", *figures, "--json").document

    assert [document[part] for part in ("final", "runtime", "params", "flops")] == pytest.approx([7.389056] * 4)


@pytest.mark.parametrize(("psnr_db", "place"), [("26.9", 1), ("26.89", None)])
def test_a_score_comes_with_the_gate_and_the_would_be_rank(nas: Nas, psnr_db: str, place: int | None) -> None:
    figures = ["--runtime-ms", "9.994", "--params", "130828", "--flops", "8535015424", "--psnr-db", psnr_db]

    document = nas("score", *figures, "--json").document

    assert (document["would_be_rank"], document["eligible"]) == (place, place is not None)
    assert ("26.89 dB" in document["why"]) is (place is None)
    assert "26.90 dB on the validation set" in nas("score", *figures).out


def test_an_edition_may_be_a_file_of_ones_own(nas: Nas, tmp_path: Path) -> None:
    file = tmp_path / "club.json"
    rules = load_edition("ntire2026").model_dump(exclude_none=True, exclude={"results"})
    file.write_text(json.dumps(rules | {"name": "club"}))
    figures = ["--runtime-ms", "7.74", "--params", "150688", "--flops", "9833807872"]

    document = nas("score", *figures, "--edition", str(file), "--json").document

    assert (document["edition"], document["would_be_rank"]) == ("club", None)
    assert document["final"] == pytest.approx(7.389056)


def test_published_weights_become_weights_of_ours(nas: Nas, tmp_path: Path) -> None:
    published, out = tmp_path / "team23_DSCF.pth", tmp_path / "emsr.safetensors"
    torch.save(checkpoint("EMSR"), published)

    result = nas("systems", "import", "EMSR", str(published), "--out", str(out))

    assert (result.status, result.out) == (0, "")
    build(load_architecture("system:EMSR"), out)


@pytest.mark.parametrize(
    ("system", "content", "out", "sentence"),
    [
        ("EMSR", {}, "x.safetensors", "holds no state dict"),
        ("EMSR", {"conv_1.weight": torch.zeros(1)}, "x.safetensors", "The file has no 'conv_1.eval_conv.weight'"),
        ("EMSR", torch.nn.Linear(1, 1), "x.safetensors", "holds code"),
        ("EMSR", None, "x.safetensors", "There is no checkpoint"),
        ("NOBODY", {}, "x.safetensors", "Unknown system 'NOBODY'"),
        ("SPAN", {}, "x.safetensors", "No table says what the published weights of SPAN hold"),
        ("EMSR", {}, "x.pth", "has to end in .safetensors"),
        ("EMSR", {}, "nowhere/x.safetensors", "There is no folder"),
    ],
)
def test_what_cannot_be_imported_is_explained(
    nas: Nas, tmp_path: Path, system: str, content: Any, out: str, sentence: str
) -> None:
    published = tmp_path / "published.pth"
    if content is not None:
        torch.save(content, published)

    result = nas("systems", "import", system, str(published), "--out", str(tmp_path / out))

    assert (result.status, result.out) == (2, "")
    assert sentence in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / out).exists()


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
