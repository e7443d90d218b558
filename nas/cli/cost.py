"""``nas cost``: what an architecture costs, from its tree alone."""

from dataclasses import asdict

import typer

from nas.cli.architectures import Arch, find
from nas.cli.options import Database, Json
from nas.cli.output import columns, emit, rows

commands = typer.Typer()


@commands.command("cost")
def cost(database: Database, arch: Arch, as_json: Json = False) -> None:
    """Count parameters, FLOPs, activations and convolutions of the deployed form for one 3x256x256 image."""
    from nas import costing

    architecture = find(arch, database)
    counted = costing.cost(architecture)
    document = {"hash": architecture.hash, "deployed_hash": architecture.deployed_hash, **asdict(counted)}
    values = [
        ("hash", architecture.hash),
        ("parameters", f"{counted.params:,}"),
        ("FLOPs (multiply-accumulates)", f"{counted.flops:,}"),
        ("activations", f"{counted.activations:,}"),
        ("convolutions", counted.convs),
        ("parameters in training", f"{counted.training_params:,}"),
    ]
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), values))
