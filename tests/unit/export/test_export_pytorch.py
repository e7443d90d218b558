import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas.errors import BuildError, ExportError
from nas.export import export_pytorch
from nas.export.pytorch import seeded
from nas.language import Architecture, load_architecture, load_space, system_names
from nas.networks import build, start
from nas.ops import registry
from tests.unit.networks.samples import architecture, document, photograph, sample

HOSTILE = ('"""\nimport os', "class", "1x", "Spab", "", "Tensor", "naïve \\ 'net'", "SCALE")
SHARED = {"repeat": 2, "weights": "shared", "block": {"op": "spab", "as": "b"}}
MANY = [{"op": "conv", "as": f"a_long_label_{number}"} for number in range(12)]

CASES = {
    **{f"op-{name}": sample(name) for name in registry()},
    **{f"system-{name}": load_architecture(f"system:{name}") for name in system_names()},
    **{f"random-{seed}": load_space("span").sample(random.Random(seed)) for seed in range(8)},
    **{f"name-{number}": Architecture({**document("spab"), "name": name}) for number, name in enumerate(HOSTILE)},
    "shared": architecture(SHARED, {"op": "concat", "of": ["in", "body[0].act1", "body[1].act2"]}),
    "long-concat": architecture(*MANY, {"op": "concat", "of": [item["as"] for item in MANY]}),
    "long-sum": architecture(*MANY, {"op": "add", "of": [item["as"] for item in MANY]}),
    "flip": architecture(input={"mean": "div2k", "pad": {"multiple": 8, "mode": "flip"}}, output={"mean": True}),
    "reflect": architecture(input={"gain": 2, "pad": {"multiple": 5, "mode": "reflect"}}, output={"clamp": True}),
    "mean-and-gain": architecture(input={"mean": "div2k", "gain": 255}),
}

RUN_ALL = """
import json, runpy, sys
from pathlib import Path
for name in ("nas", "numpy", "PIL"):
    sys.modules[name] = None  # an import fails
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    network = runpy.run_path(str(folder / "model.py"))["load"]()
    expected = load_file(folder / "expected.safetensors")
    torch.manual_seed(0)
    with torch.inference_mode():
        found[folder.name] = (network(expected["image"]) - expected["result"]).abs().max().item()
    assert sum(p.numel() for p in network.parameters()) == json.loads((folder / "model.json").read_text())["params"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exports, each with an image and what our network makes of it."""
    root = tmp_path_factory.mktemp("exports")
    for name, arch in CASES.items():
        network, image = build(arch), photograph(height=21, width=18)
        start(network, arch, 0)
        params = sum(parameter.numel() for parameter in network.parameters())
        export_pytorch(arch, network.state_dict(), root / name, {"params": params})
        with torch.inference_mode():
            save_file(
                {"image": image, "result": seeded(network, image).contiguous()}, root / name / "expected.safetensors"
            )
    return root


@pytest.fixture(scope="module")
def differences(exported: Path) -> dict[str, float]:
    """Largest difference by case, computed where neither nas nor NumPy nor Pillow can be imported."""
    command = [sys.executable, "-I", "-W", "ignore", "-c", RUN_ALL, str(exported)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_exported_file_computes_what_the_network_does(name: str, differences: dict[str, float]) -> None:
    assert differences[name] <= 1e-6


def test_exported_files_are_formatted_and_free_of_lint(exported: Path) -> None:
    files = [str(path) for path in exported.glob("*/model.py")]
    options = ["--isolated", "--line-length=120"]
    formatted = [sys.executable, "-m", "ruff", "format", *options, "--diff", *files]
    linted = [sys.executable, "-m", "ruff", "check", *options, "--select=E,F,I,W,UP,B,SIM,C4,RUF", *files]
    for command in (formatted, linted):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_export_holds_nothing_of_ours(exported: Path) -> None:
    for path in exported.glob("*/model.py"):
        text = path.read_text()
        assert "nas." not in text
        assert "config" not in text


def test_equal_blocks_are_written_once(exported: Path) -> None:
    text = (exported / "system-EFDN" / "model.py").read_text()
    assert text.count("nn.PReLU(48)") == 1
    assert text.count("make_distill_cell()") == 5


def test_the_record_holds_the_architecture_its_hashes_and_the_facts(tmp_path: Path) -> None:
    arch = load_architecture("system:EMSR")
    files = export_pytorch(arch, build(arch).state_dict(), tmp_path / "new" / "folder", {"psnr_db": 27.5, "device": {}})
    assert [path.name for path in files] == ["model.py", "weights.safetensors", "model.json", "README.md"]
    record = json.loads(files[2].read_text())
    assert load_architecture(record["architecture"]).hash == record["hash"] == arch.hash
    assert (record["psnr_db"], record["device"], record["deployed_hash"]) == (27.5, {}, arch.deployed_hash)
    assert "| psnr_db | 27.5 |" in files[3].read_text()


def test_the_weights_are_those_given(tmp_path: Path) -> None:
    arch = architecture("spab")
    state = build(arch).state_dict()
    export_pytorch(arch, state, tmp_path, {})
    written = load_file(tmp_path / "weights.safetensors")
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], state[name]) for name in state)


@pytest.mark.parametrize("facts", [{"psnr_db": float("nan")}, {"device": object()}])
def test_facts_that_are_no_plain_data_are_refused(facts: dict[str, Any], tmp_path: Path) -> None:
    arch = architecture()
    with pytest.raises(ExportError, match="no plain data"):
        export_pytorch(arch, build(arch).state_dict(), tmp_path / "out", facts)
    assert not (tmp_path / "out").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="spab_1"):
        export_pytorch(architecture("spab"), build(architecture()).state_dict(), tmp_path / "out", {})
    assert not (tmp_path / "out").exists()
