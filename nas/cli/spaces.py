"""``nas spaces``: what there is to search."""

import random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, rows
from nas.errors import LanguageError

if TYPE_CHECKING:
    from nas.language import Space

commands = typer.Typer(help="Search spaces, ready-made or your own.", no_args_is_help=True)
Source = Annotated[str, typer.Argument(metavar="FILE", help="A YAML or JSON file, or the name of a ready-made space.")]
DRAWS = 500
"""Architectures drawn to estimate which share of a space meets its bounds on cost."""


@commands.command("list")
def list_spaces(as_json: Json = False) -> None:
    """List the ready-made spaces."""
    from nas.language import load_space, space_names

    documents = [described(load_space(name)) for name in space_names()]
    values = [(one["name"], about(one["size"]), one["holes"], f"x{one['scale']}") for one in documents]
    emit(documents, as_json=as_json, table=lambda: rows(columns("space", "networks", "holes", "scale"), values))


@commands.command("show")
def show(name: Annotated[str, typer.Argument(help="Name of a ready-made space.")], as_json: Json = False) -> None:
    """Print a space as its document."""
    from importlib import resources

    from nas.errors import UnknownNameError
    from nas.language import load_space, space_names

    if name not in space_names():
        raise UnknownNameError("space", name, space_names())
    text = (resources.files("search_spaces") / "spaces" / f"{name}.yaml").read_text(encoding="utf-8")
    emit(load_space(name).document, as_json=as_json, table=text.rstrip)


@commands.command("check")
def check(source: Source, as_json: Json = False) -> None:
    """Check a space: every rule of the language, every option, and that its bounds on cost can be met."""
    from nas import requests
    from nas.language import load_space
    from nas.language.coverage import broken_options

    space = load_space(source)
    requests.check(requests.SearchRequest(space=space.document))
    broken = broken_options(space)
    if broken:
        more = f" {len(broken) - 1} more options are broken." if len(broken) > 1 else ""
        raise LanguageError(broken[0].path, broken[0].sentence + more)
    document = {**described(space), "require": [one.text for one in space.require]}
    sentence = f"{source} is a space of {about(document['size'])} networks with {document['holes']} holes."
    emit(document, as_json=as_json, table=lambda: sentence)


@commands.command("size")
def size(source: Source, as_json: Json = False) -> None:
    """Count the networks of a space exactly, and estimate how many meet its bounds on cost."""
    from nas.language import load_space

    space = load_space(source)
    share = feasible_share(space)
    document = {**described(space), "feasible_share": share, "feasible": round(share * space.size())}
    values = [
        ("space", document["name"]),
        ("networks", f"{document['size']:,}"),
        ("within its bounds on cost", f"about {about(document['feasible'])} ({share:.1%} of {DRAWS} drawn)"),
    ]
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), values))


def described(space: "Space") -> dict[str, Any]:
    """What lists say of a space."""
    return {"name": space.name, "scale": space.scale, "size": space.size(), "holes": len(space.holes())}


def feasible_share(space: "Space") -> float:
    """The share of draws that keep the rules and meet the bounds that the tree alone decides."""
    from nas.costing import cost

    bounds = [bound for bound in space.require if bound.static]
    rng = random.Random(0)
    met = 0
    for _ in range(DRAWS if bounds else 0):
        try:
            drawn = cost(space.sample(rng))
        except LanguageError:
            continue
        met += all(bound.violation({name: getattr(drawn, name) for name in bound.metrics}) <= 0 for bound in bounds)
    return met / DRAWS if bounds else 1.0


def about(count: int) -> str:
    """A count as people read it: exact while short, else to three digits."""
    return f"{count:,}" if count < 1_000_000 else f"{count:.2e}" if count < 1e300 else f"10^{len(str(count)) - 1}"
