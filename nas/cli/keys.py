"""``nas keys``: who may use the service."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Json
from nas.cli.output import columns, emit, rows, say, when

if TYPE_CHECKING:
    from nas.store import ApiKey

commands = typer.Typer(help="API keys.", no_args_is_help=True)


@commands.command("create")
def create(
    database: Database,
    name: Annotated[str, typer.Argument(help="Whose key it is, for the list.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which is shown this once."""
    from nas.cli.stores import opened
    from nas.store import keys

    with opened(database) as store, store.session() as session:
        key, secret = keys.create(session, name)
        document = {**described(key), "key": secret}
    emit(document, as_json=as_json, table=lambda: secret)
    if not as_json:
        say("Keep it: only its hash is stored. From now on every call to /v1 needs a key.")


@commands.command("list")
def list_keys(database: Database, as_json: Json = False) -> None:
    """List all keys by their prefix, revoked ones too."""
    from nas.cli.stores import opened
    from nas.store import keys

    with opened(database) as store, store.reading() as session:
        documents = [described(key) for key in keys.every(session)]
    values = [(one["prefix"], one["name"], when(one["created_at"]), when(one["revoked_at"])) for one in documents]
    table = columns("prefix", "name", "created", "revoked", left=4)
    emit(documents, as_json=as_json, table=lambda: rows(table, values))


@commands.command("revoke")
def revoke(
    database: Database,
    prefix: Annotated[str, typer.Argument(help="The key's prefix, as nas keys list shows it.")],
    as_json: Json = False,
) -> None:
    """Make a key worthless."""
    from nas.cli.stores import opened
    from nas.store import keys

    with opened(database) as store, store.session() as session:
        document = described(keys.revoke(session, prefix))
    emit(document, as_json=as_json, table=lambda: f"Revoked {prefix}.")


def described(key: "ApiKey") -> dict[str, Any]:
    """A key without its secret."""
    revoked = key.revoked_at.isoformat() if key.revoked_at else None
    return {"prefix": key.prefix, "name": key.name, "created_at": key.created_at.isoformat(), "revoked_at": revoked}
