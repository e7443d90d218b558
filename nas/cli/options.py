"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]


def default_database() -> str:
    """The database of this user: ``NAS_DATABASE``, or a SQLite file in the user's data folder."""
    if url := os.environ.get("NAS_DATABASE"):
        return url
    folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nas"
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'nas.db'}"


Database = Annotated[
    str,
    typer.Option(
        "--database",
        default_factory=default_database,
        show_default="$NAS_DATABASE, or a SQLite file in your data folder",
        help="SQLAlchemy URL of the store.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:N, or auto: a GPU where there is one.")]
Data = Annotated[str, typer.Option("--data", help="A registered data set, a folder of photographs, or embedded.")]
Weights = Annotated[Path, typer.Option("--weights", metavar="FILE", help="Weights of the deployed form, safetensors.")]
