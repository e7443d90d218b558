"""The study of benchmarks/fidelity.py at its smallest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.fidelity import main, spread


def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the study; return the file and the result line."""
    options = ["--space", "demo", "--architectures", "2", "--rungs", "1,2", "--seeds", "1", "--device", "cpu"]
    assert main([*options, "--data", str(folder / "photographs"), "--out", str(folder / "study.json")]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    return json.loads((folder / "study.json").read_text()), result


def test_a_study_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng, photographs = np.random.default_rng(0), tmp_path / "photographs"
    photographs.mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (72, 72, 3), dtype=np.uint8)).save(photographs / f"{number}.png")
    whole, result = run(tmp_path, capsys)
    assert {(row["started"], row["step"]) for row in whole["runs"]} == {(True, 1), (True, 2), (False, 1), (False, 2)}
    assert len(whole["runs"]) == 8
    assert result["pass"]
    assert [(row["started"], row["truth_started"]) for row in whole["ablation"]] == [
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    ]
    assert whole["ablation"][0]["why_not"] == "too few to say: 2 networks, at least 8 are needed"

    cut = {**whole, "runs": whole["runs"][:3]}  # the second training stopped after its first rung
    (tmp_path / "study.json").write_text(json.dumps(cut))
    again, _ = run(tmp_path, capsys)
    assert [row["psnr_db"] for row in again["runs"]] == [row["psnr_db"] for row in whole["runs"]]

    (tmp_path / "study.json").write_text(json.dumps({**whole, "settings": {}}))
    with pytest.raises(SystemExit, match="other settings"):
        run(tmp_path, capsys)


def test_architectures_are_spread_over_their_cost() -> None:
    from nas.costing import cost

    chosen, _ = spread("demo", 4, 0)
    flops = [cost(one).flops for one in chosen]
    assert flops == sorted(flops)
    assert flops[-1] > 4 * flops[0]
    assert [one.hash for one in spread("demo", 4, 0)[0]] == [one.hash for one in chosen]
