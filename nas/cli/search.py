"""``nas search`` and ``nas resume``: a search on this machine, from the request to its front."""

import hashlib
import re
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.data import is_folder
from nas.cli.options import Data, Database, Device, Json
from nas.cli.output import emit, say
from nas.cli.processes import Workers
from nas.cli.watch import SearchId, find
from nas.errors import NasError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nas.requests import SearchRequest
    from nas.store import Store

commands = typer.Typer()
SpaceName = Annotated[str, typer.Argument(metavar="SPACE", help="A ready-made space, or a YAML or JSON file.")]
Trials = Annotated[int, typer.Option("--trials", help="Architectures to ask for.")]
Sampler = Annotated[str, typer.Option("--sampler", help="auto, tpe, nsga2, nsga3, gp or random.")]
Recipe = Annotated[str, typer.Option("--recipe", help="A ready-made recipe, or a YAML or JSON file.")]
Objectives = Annotated[str, typer.Option("--objectives", help="What the front is taken over, separated by commas.")]
Require = Annotated[list[str], typer.Option("--require", help='A bound, such as "latency_ms <= 10"; may be repeated.')]
Seed = Annotated[int, typer.Option("--seed", help="The same seed asks for the same first architectures.")]
Name = Annotated[str, typer.Option("--name", help="What to call the search.")]
WarmStart = Annotated[bool, typer.Option("--warm-start", help="Begin with the published systems that fit the space.")]
Prefilter = Annotated[
    bool,
    typer.Option(help="Do not measure what is predicted, from measurements of this device, far over a latency bound."),
]
MOST_DEATHS = 3


class WorkerFailedError(NasError):
    """The worker of this command ends again and again."""

    wrong_request = False


@commands.command("search")
def search(
    *,
    database: Database,
    space: SpaceName,
    data: Data = "embedded",
    trials: Trials = 40,
    sampler: Sampler = "auto",
    recipe: Recipe = "demo",
    objectives: Objectives = "psnr,score",
    require: Require = [],  # noqa: B006 - Typer copies it
    seed: Seed = 0,
    device: Device = "auto",
    name: Name = "",
    warm_start: WarmStart = False,
    prefilter: Prefilter = True,
    as_json: Json = False,
) -> None:
    """Search a space on this machine and print the front; Ctrl-C pauses, nas resume goes on."""
    from nas import requests
    from nas.cli.stores import opened

    wanted = requests.parse(
        {
            "space": space_of(space),
            "recipe": recipe_of(recipe),
            "objectives": [one.strip() for one in objectives.split(",") if one.strip()],
            "require": require,
            "sampler": sampler,
            "trials": trials,
            "seed": seed,
            "device": device,
            "name": name,
            "warm_start": warm_start,
            "prefilter": prefilter,
        }
    )
    requests.check(wanted)
    with opened(database) as store:
        search_id = queue(store, wanted, data)
        say(f"Search {search_id} in {store.name}")
        run(store, database, search_id, as_json=as_json)


@commands.command("resume")
def resume(database: Database, search: SearchId, as_json: Json = False) -> None:
    """Go on with a search that was paused, interrupted or failed, and print the front."""
    from nas.cli.stores import opened
    from nas.store import searches

    with opened(database) as store:
        with store.session() as session:
            search_id = searches.resume(session, find(session, search).id).id
        run(store, database, search_id, as_json=as_json)


def space_of(text: str) -> str | dict[str, Any]:
    """A ready-made name as it stands, a file as its document: workers may be on machines without the file."""
    from nas.language import load_space, space_names

    return text if text in space_names() else load_space(text).document


def recipe_of(text: str) -> str | dict[str, Any]:
    """A ready-made name as it stands, a file as its document."""
    from nas.evaluate.quality.recipes import load_recipe, ready_made

    recipe = load_recipe(text)
    recipe.check_search()
    return text if text in ready_made() else recipe.model_dump(mode="json")


def queue(store: "Store", wanted: "SearchRequest", data: str) -> str:
    """Write the search into the store, a folder of photographs being registered on the way; return its id."""
    from nas.store import datasets, searches

    images = check_data(store, data)
    with store.session() as session:
        if is_folder(data):
            images = registered(session, Path(data).resolve())
        else:
            datasets.resolve(session, images)
        request = wanted.model_copy(update={"data": images}).model_dump(mode="json")
        return searches.create(session, request, name=wanted.name).id


def check_data(store: "Store", data: str) -> str:
    """Read the photographs once, before a worker meets what is wrong with them."""
    from nas.evaluate.quality.data import load
    from nas.store import datasets

    with store.reading() as session:
        source = data if is_folder(data) else datasets.resolve(session, data)
    skipped = load(source).skipped
    for one in skipped:
        say(f"Left out {one.name}: {one.reason}.")
    return data


def registered(session: "Session", folder: Path) -> str:
    """Register a folder under a name made of its own, always the same for the same folder."""
    from nas.store import datasets

    word = re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_") or "folder"
    name = f"{word[:48]}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    datasets.add(session, name, folder)
    return name


def run(store: "Store", database: str, search_id: str, *, as_json: bool) -> None:
    """Work on a search until it ends, and print its front."""
    from nas import report
    from nas.cli.follow import follow
    from nas.cli.front import table

    try:
        # The worker's words would tear the bar apart; they are shown when it fails.
        with tempfile.TemporaryFile() as log, Workers(database, 1, search=search_id, log=log) as workers:
            status = follow(store, search_id, check=lambda: check_alive(workers, log))
    except KeyboardInterrupt:
        pause(store, search_id)
        raise
    check_end(store, search_id, status)
    with store.reading() as session:
        document = report.front(session, search_id)
    emit(document, as_json=as_json, table=lambda: table(document))


def check_alive(workers: Workers, log: IO[bytes]) -> None:
    """Give up on a worker that cannot work here."""
    if workers.deaths >= MOST_DEATHS:
        log.seek(0)
        words = log.read().decode(errors="replace").strip().splitlines() or ["nothing"]
        raise WorkerFailedError(f"The worker ended {workers.deaths} times; its last words: {words[-1].strip()}")


def pause(store: "Store", search_id: str) -> None:
    """Leave a search so that only ``nas resume`` goes on with it."""
    from nas.store import searches

    with store.session() as session:
        searches.pause(session, search_id)
    say(f"Paused. Go on with: nas resume {search_id}")


def check_end(store: "Store", search_id: str, status: str) -> None:
    """Turn a search that did not end well into an error."""
    from nas.store import searches

    if status == "failed":
        with store.reading() as session:
            error = searches.get(session, search_id).error
        raise WorkerFailedError(f"Search {search_id} failed: {error}")
    if status != "done":
        say(f"Search {search_id} is {status}; the front so far:")
