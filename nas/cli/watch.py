"""``nas status`` and ``nas cancel``, and finding the search that a command names."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Json
from nas.cli.output import columns, emit, rows, when
from nas.errors import NotFoundError, RequestError

if TYPE_CHECKING:
    from rich.table import Table
    from sqlalchemy.orm import Session

    from nas.store import Search

commands = typer.Typer()
LAST = "last"
NO_SEARCHES = "No searches in this database yet; start one with: nas search demo"
SearchId = Annotated[str, typer.Argument(metavar="SEARCH", help="Id of a search, the start of one, or last.")]
MaybeSearchId = Annotated[str | None, typer.Argument(metavar="[SEARCH]", help="One search; all of them without it.")]


@commands.command("status")
def status(database: Database, search: MaybeSearchId = None, as_json: Json = False) -> None:
    """Show one search, or list all."""
    from nas.cli.stores import opened
    from nas.store import searches

    with opened(database) as store, store.reading() as session:
        if search is not None:
            document = described(session, [find(session, search)])[0]
            emit(document, as_json=as_json, table=lambda: facts(document))
            return
        documents = described(session, searches.page(session, limit=1000).items)
    emit(documents, as_json=as_json, table=lambda: listed(documents) if documents else NO_SEARCHES)


@commands.command("cancel")
def cancel(database: Database, search: SearchId, as_json: Json = False) -> None:
    """End a search: now, or as soon as its worker sees it."""
    from nas.cli.stores import opened
    from nas.store import searches

    with opened(database) as store, store.session() as session:
        row = searches.cancel(session, find(session, search).id)
        document = described(session, [row])[0]
    word = "is cancelled" if document["status"] == "cancelled" else "ends as soon as its worker sees it"
    emit(document, as_json=as_json, table=lambda: f"Search {document['id']} {word}.")


def find(session: "Session", text: str) -> "Search":
    """The search with this id or the only one whose id begins so; ``last`` is the newest.

    Raises:
        NotFoundError: there is none.
        RequestError: several ids begin so.
    """
    from nas.store import searches

    rows = searches.page(session, limit=1000).items
    if text == LAST and rows:
        return rows[0]
    found = [row for row in rows if text and row.id.startswith(text)]
    if len(found) > 1:
        raise RequestError(
            f"{len(found)} searches begin with {text!r}: {', '.join(row.id for row in found)}. Name one."
        )
    if not found:
        then = "Run nas status to list them." if rows else "It holds none yet; start one with 'nas search demo'."
        raise NotFoundError(f"There is no search {text!r} in this database. {then}")
    return found[0]


def described(session: "Session", found: "list[Search] | tuple[Search, ...]") -> list[dict[str, Any]]:
    """Searches as plain data, with how many trials are in which state."""
    from nas.store import trials

    counts = trials.counts(session, [row.id for row in found])
    return [
        {
            "id": row.id,
            "name": row.name,
            "status": row.status,
            "wish": row.wish,
            "error": row.error,
            "request": row.request,
            "trials": counts.get(row.id, {}),
            "created_at": row.created_at.isoformat(),
            "started_at": row.started_at.isoformat() if row.started_at else None,
            "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        }
        for row in found
    ]


def listed(documents: list[dict[str, Any]]) -> "Table":
    """All searches as a table."""
    table = columns("search", "name", "status", "space", "created", "trials", "of", left=5)
    values = (
        (
            one["id"],
            one["name"],
            one["status"],
            space_name(one),
            when(one["created_at"]),
            ended(one),
            one["request"]["trials"],
        )
        for one in documents
    )
    return rows(table, values)


def facts(one: dict[str, Any]) -> "Table":
    """One search as a table of words."""
    states = ", ".join(f"{count} {state}" for state, count in sorted(one["trials"].items())) or "none yet"
    wanted = one["request"]
    values = [
        ("search", f"{one['id']} {one['name']}".strip()),
        ("status", f"{one['status']}{', to ' + one['wish'] if one['wish'] else ''}"),
        *([("error", one["error"])] if one["error"] else []),
        ("space", space_name(one)),
        ("data, recipe", f"{wanted['data']}, {recipe_name(wanted['recipe'])}"),
        ("objectives", ", ".join(wanted["objectives"])),
        ("trials", f"{ended(one)} of {wanted['trials']} ({states})"),
        ("created", when(one["created_at"])),
        ("finished", when(one["finished_at"])),
    ]
    return rows(columns("", "", left=2), values)


def ended(one: dict[str, Any]) -> int:
    """How many of a search's trials have ended."""
    return sum(count for state, count in one["trials"].items() if state != "running")


def space_name(one: dict[str, Any]) -> str:
    """The name of the space that a search explores."""
    space = one["request"]["space"]
    return space if isinstance(space, str) else str(space.get("name", "unnamed"))


def recipe_name(recipe: Any) -> str:
    """The name of a recipe that was given by name or in full."""
    return recipe if isinstance(recipe, str) else str(recipe.get("name", "unnamed"))
