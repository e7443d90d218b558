"""Options that several commands share."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

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
Edition = Annotated[
    str,
    typer.Option(
        "--edition", metavar="NAME|FILE", help="The challenge whose baseline, weights, gate and results count."
    ),
]

Command = Callable[..., None]


def options_of(group: type[Any], parameter: str) -> Callable[[Command], Command]:
    """Gives a command the fields of a dataclass as options, and hands it what they say as one value.

    Args:
        group: The dataclass; its fields are annotated as parameters of commands are.
        parameter: Which parameter of the command gets the value; the options stand in its place.
    """
    options = inspect.signature(group).parameters

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)

        def run(**given: Any) -> None:
            value = group(**{name: given.pop(name) for name in options})
            command(**given, **{parameter: value})

        shown: list[inspect.Parameter] = []
        for name, one in own.parameters.items():
            added = options.values() if name == parameter else [one]
            shown += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in added]
        run.__doc__ = command.__doc__
        run.__signature__ = own.replace(parameters=shown)  # type: ignore[attr-defined]
        return run

    return decorate
