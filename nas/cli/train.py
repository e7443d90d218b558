"""``nas train``: one network by a recipe, and its PSNR."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.architectures import Arch, find
from nas.cli.data import located
from nas.cli.options import Data, Database, Device, Json
from nas.cli.output import columns, emit, rows
from nas.errors import RequestError

if TYPE_CHECKING:
    from nas.language import Architecture

commands = typer.Typer()
Recipe = Annotated[str, typer.Option("--recipe", help="A ready-made recipe, or a YAML or JSON file.")]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Stop after so many steps of the recipe.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Decides the initial weights and every crop.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        show_default="trained/NAME-RECIPE-SEED",
        help="Folder for weights, TensorBoard events and a resumable checkpoint.",
    ),
]
Teachers = Annotated[
    list[str] | None,
    typer.Option("--teacher", metavar="NAME=FILE", help="Weights of a teacher that the recipe names; repeatable."),
]


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
    out: Out = None,
    teacher: Teachers = None,
    as_json: Json = False,
) -> None:
    """Train one network and write its weights; the same command, run again, goes on where it was stopped."""
    architecture = find(arch, database)
    from nas.cli.training import Order, carry_out
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.data import load
    from nas.evaluate.quality.recipes import load_recipe

    wanted = load_recipe(recipe)
    order = Order(
        architecture,
        wanted,
        load(located(database, data), architecture.scale),
        seed=seed,
        device=resolve(device),
        steps=min(steps or wanted.steps, wanted.steps),
        out=out or folder(architecture, wanted.name, seed),
        teachers=dict(map(named_file, teacher or [])),
    )
    document = carry_out(order)
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts(document)))


def folder(architecture: "Architecture", recipe: str, seed: int) -> Path:
    """Where a training goes that was not told: trainings of other networks, recipes or seeds go elsewhere."""
    name = architecture.name or architecture.hash.removeprefix("a1:")[:12]
    return Path("trained") / re.sub(r"[^\w.-]+", "_", f"{name}-{recipe}-{seed}")


def named_file(text: str) -> tuple[str, Path]:
    """Take ``NAME=FILE`` apart."""
    name, mark, file = text.partition("=")
    if not (name and mark and file):
        raise RequestError(f"--teacher takes NAME=FILE, a teacher of the recipe and its weights; got {text!r}.")
    return name, Path(file)


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What was reached, as rows of words."""
    gain = document["psnr_db"] - document["bicubic_psnr_db"]
    images = [(f"  {name}", f"{value:.2f} dB") for name, value in document["per_image"].items()]
    form = document.get("training_form")
    return [
        ("PSNR", f"{document['psnr_db']:.2f} dB"),
        *images,
        ("bicubic", f"{document['bicubic_psnr_db']:.2f} dB ({gain:+.2f} dB)"),
        *([("training form", f"{form['psnr_db']:.4f} dB, merged {document['psnr_db']:.4f} dB")] if form else []),
        ("SSIM", f"{document['ssim']:.4f}"),
        *((key, document[key]) for key in ("weights", "events") if key in document),
    ]
