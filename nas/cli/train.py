"""``nas train`` and ``nas evaluate``: one network by a recipe, and its PSNR."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.architectures import Arch, find
from nas.cli.data import located
from nas.cli.options import Data, Database, Device, Json, Weights
from nas.cli.output import bar, columns, emit, rows
from nas.errors import MeasurementError

if TYPE_CHECKING:
    from nas.evaluate.quality.data import ImageSet
    from nas.evaluate.quality.training import Trainer, TrainResult
    from nas.language import Architecture

commands = typer.Typer()
Recipe = Annotated[str, typer.Option("--recipe", help="A ready-made recipe, or a YAML or JSON file.")]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Stop after so many steps of the recipe.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Decides the initial weights and every crop.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for weights and a resumable checkpoint.")]


@commands.command("train")
def train(
    *,
    database: Database,
    arch: Arch,
    recipe: Recipe = "demo",
    data: Data = "embedded",
    steps: Steps = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Out = Path("trained"),
    as_json: Json = False,
) -> None:
    """Train one network and write the weights of its deployed form; run again, it goes on where it stopped."""
    architecture = find(arch, database)
    from nas import networks
    from nas.evaluate.latency.device import device_record, resolve
    from nas.evaluate.quality.data import load
    from nas.evaluate.quality.recipes import load_recipe
    from nas.evaluate.quality.training import Trainer
    from workers.networks import SharedDevice

    images, wanted, target = load(located(database, data), architecture.scale), load_recipe(recipe), resolve(device)
    network = networks.build(architecture, form="training")
    networks.start(network, architecture, seed)
    out.mkdir(parents=True, exist_ok=True)
    with bar("Training", total=min(steps or wanted.steps, wanted.steps)) as progress:
        trainer = Trainer(
            network,
            wanted,
            images,
            seed=seed,
            device=target,
            lease=SharedDevice(device_record(str(target)).uuid),
            checkpoint=out / "checkpoint.pt",
            progress=lambda result: progress.to(result.step),
        )
        result = trainer.run(steps)
    if result.diverged:
        raise MeasurementError(f"The training diverged after step {result.step}; lower the recipe's learning rate.")
    document = {"recipe": wanted.name, "seed": seed, **written(architecture, trainer, images, result, out)}
    (out / "model.json").write_text(json.dumps({**document, "architecture": architecture.to_dict()}, indent=2) + "\n")
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts(document)))


def written(
    architecture: "Architecture", trainer: "Trainer", images: "ImageSet", result: "TrainResult", out: Path
) -> dict[str, Any]:
    """Judge the trained network in its deployed form and write it to ``out``."""
    from nas import networks
    from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate
    from workers.networks import weights_of

    trained = trainer.trained()
    assert isinstance(trained, networks.Network)
    deployed = networks.deploy(trained)
    quality = evaluate(deployed, images, trainer.device)
    (out / "weights.safetensors").write_bytes(weights_of(deployed))
    return {
        "hash": architecture.hash,
        "data": images.name,
        "steps": result.step,
        "loss": None if result.loss != result.loss else result.loss,
        "patches_per_second": result.patches_per_second,
        "weights": str(out / "weights.safetensors"),
        **asdict(quality),
        "bicubic_psnr_db": bicubic_psnr_db(images),
    }


@commands.command("evaluate")
def evaluate(
    *,
    database: Database,
    arch: Arch,
    weights: Weights,
    data: Data = "embedded",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """PSNR and SSIM of a trained network as the challenge computes them, beside bicubic."""
    architecture = find(arch, database)
    from nas import networks
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.data import load
    from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate

    target = resolve(device)
    network = networks.build(architecture, weights=weights).to(target)
    images = load(located(database, data), architecture.scale)
    document = {
        "data": images.name,
        **asdict(evaluate(network, images, target)),
        "bicubic_psnr_db": bicubic_psnr_db(images),
    }
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts(document)))


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What was reached, as rows of words."""
    gain = document["psnr_db"] - document["bicubic_psnr_db"]
    images = [(f"  {name}", f"{value:.2f} dB") for name, value in document["per_image"].items()]
    files = [("weights", document["weights"])] if "weights" in document else []
    return [
        ("PSNR", f"{document['psnr_db']:.2f} dB"),
        *images,
        ("bicubic", f"{document['bicubic_psnr_db']:.2f} dB ({gain:+.2f} dB)"),
        ("SSIM", f"{document['ssim']:.4f}"),
        *files,
    ]
