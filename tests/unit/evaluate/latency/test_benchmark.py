"""The figures that are committed can be read by the benchmark that wrote them."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[4] / "benchmarks"
FILES = sorted((BENCHMARKS / "results").glob("latency-*.json"))


@pytest.fixture(scope="module")
def latency() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_latency", BENCHMARKS / "latency.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_committed_figures_print_as_tables(file: Path, latency: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    document = latency.results(file)
    latency.markdown(document)
    printed = capsys.readouterr().out
    names = {name for step, found in document["steps"].items() if step.startswith("strict ") for name in found}
    assert all(f"| {name} | " in printed for name in names - {"took_s"})
    assert f"Measured on {document['date']} on {document['device']['name']}" in printed


def test_figures_of_another_version_are_refused(latency: ModuleType, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"steps": {}}))
    with pytest.raises(SystemExit, match="another version of this benchmark"):
        latency.results(old)
