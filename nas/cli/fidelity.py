"""``nas fidelity``: how far the cheap rungs of a search can be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Device, Json
from nas.cli.output import bar, columns, emit, fixed, rows
from nas.cli.watch import SearchId, find
from nas.errors import RequestError

if TYPE_CHECKING:
    from nas.evaluate.quality.recipes import Recipe
    from nas.store import Store

commands = typer.Typer()
Untrained = Annotated[bool, typer.Option("--zero-cost", help="Score every candidate untrained, too.")]
Longest = Annotated[
    int, typer.Option("--train-longest", metavar="N", min=0, help="First train so many candidates to the recipe's end.")
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each of them, each with a seed of its own.")]
Longer = Annotated[str, typer.Option("--recipe", help="Recipe of these trainings; the search's own without it.")]
Scratch = Annotated[Path | None, typer.Option("--scratch", metavar="DIR", help="Folder for their checkpoints.")]


@commands.command("fidelity")
def fidelity(
    *,
    database: Database,
    search: SearchId,
    zero_cost: Untrained = False,
    train_longest: Longest = 0,
    seeds: Seeds = 1,
    recipe: Longer = "",
    device: Device = "auto",
    scratch: Scratch = None,
    as_json: Json = False,
) -> None:
    """Say how far the cheap rungs of a search can be trusted: rank agreement with long training, and noise."""
    from nas.cli.stores import opened
    from workers import fidelity as made

    if (recipe or seeds > 1) and not train_longest:
        raise RequestError(
            "--recipe and --seeds are for the trainings of --train-longest; say how many, for example 8."
        )
    with opened(database) as store:
        with store.reading() as session:
            row = find(session, search)
            search_id, own = row.id, row.request["recipe"]
        if train_longest:
            train(store, search_id, train_longest, load(recipe or own), seeds=seeds, device=device, scratch=scratch)
        scores = untrained(store, search_id) if zero_cost else None
        document = made.write(store, search_id, scores)
    emit(document, as_json=as_json, table=lambda: tables(document))


def load(source: Any) -> "Recipe":
    """Read a recipe by name, file or document."""
    from nas.evaluate.quality.recipes import load_recipe

    return load_recipe(source)


def train(
    store: "Store", search_id: str, count: int, recipe: "Recipe", *, seeds: int, device: str, scratch: Path | None
) -> None:
    """Train a sample of candidates to the end of a recipe, under a bar."""
    from workers import fidelity as made
    from workers.main import scratch_folder

    with bar("Training", total=count * seeds) as progress:

        def told(done: int, of: int, what: str) -> None:  # noqa: ARG001 - the bar knows
            progress.to(done)
            progress.note(what)

        folder = scratch or scratch_folder()
        made.train_sample(store, search_id, count, told, recipe=recipe, seeds=seeds, device=device, scratch=folder)
        progress.to(count * seeds)


def untrained(store: "Store", search_id: str) -> dict[str, dict[str, float]]:
    """Score the candidates untrained, under a bar."""
    from workers import fidelity as made

    with bar("Scoring", total=1) as progress:

        def told(done: int, of: int, what: str) -> None:
            progress.to(done / of)
            progress.note(what[:11])

        return made.score_untrained(store, search_id, told)


def tables(document: dict[str, Any]) -> Any:
    """The report as tables."""
    from rich.console import Group

    if document["truth"] is None:
        return "Nothing to compare yet: no three networks of this search share a training. Wait, or --train-longest 12."
    return Group(agreements(document), "", noises(document))


def agreements(document: dict[str, Any]) -> Any:
    """Rungs and baselines against the truth."""
    truth = document["truth"]
    title = f"Agreement with {truth['step']:,} steps of {truth['recipe']} ({truth['networks']} networks)"
    titles = ("estimate", "networks", "Spearman", "95 %", "Kendall", "95 %", "best quarter", "Spearman in band", "")
    named = [(f"{one['step']:,} steps of {one['recipe']}", one) for one in document["rungs"]]
    named += [
        (f"  the same, other seeds ({one['step']:,})", {**one["across_seeds"], "within_band": None})
        for one in document["rungs"]
        if one["across_seeds"]["networks"]
    ]
    named += [(one["name"], one) for one in document["baselines"]]
    return rows(columns(*titles, title=title), (cells(name, one) for name, one in named))


def cells(name: str, one: dict[str, Any]) -> tuple[str | None, ...]:
    """One estimate as a row of the table."""
    band = one["within_band"]
    inside = None
    if band is not None:
        rho = correlation(band["spearman"])[0]
        inside = f"{rho} of {band['networks']}" if rho else f"too few: {band['networks']}"
    found = one["recall"]
    recalled = f"{found['found']} of {found['of']}" if found else None
    return (
        name,
        str(one["networks"]),
        *correlation(one["spearman"]),
        *correlation(one["kendall"]),
        recalled,
        inside,
        one["why_not"] or "",
    )


def correlation(one: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """A correlation and its interval."""
    if one is None:
        return None, None
    low, high = one["interval"]
    return fixed(one["value"], 2), f"{low:.2f} to {high:.2f}"


def noises(document: dict[str, Any]) -> Any:
    """The noise between seeds, by length."""
    if not document["noise"]:
        return "Noise between seeds: unknown, every network has one seed. Try --train-longest 8 --seeds 2."
    titles = (
        "after",
        "networks",
        "seeds",
        "one network, dB",
        "two networks, same seed, dB",
        "other seeds, dB",
        "ranks agree",
    )
    return rows(
        columns(*titles, title="Noise between seeds, as standard deviations"),
        (
            (
                f"{one['step']:,} steps of {one['recipe']}",
                one["networks"],
                len(one["seeds"]),
                *(fixed(one[name]["value"], 3) for name in ("sd_db", "paired_sd_db", "unpaired_sd_db")),
                correlation(one["ranks"]["spearman"])[0],
            )
            for one in document["noise"]
        ),
    )
