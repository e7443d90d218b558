"""Finding the architecture that a command names: a system, a file, or a candidate's hash."""

from typing import TYPE_CHECKING, Annotated

import typer

from nas.errors import NotFoundError, RequestError

if TYPE_CHECKING:
    from nas.language import Architecture

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A YAML or JSON file, system:NAME, or a candidate's hash.")]
HASH, SYSTEM = "a1:", "system:"


def find(text: str, database: str) -> "Architecture":
    """The architecture that ``text`` names; a hash, or the start of one, is looked up in ``database``.

    Raises:
        NasError: it does not exist, or breaks a rule of the language.
    """
    from nas.language import load_architecture

    return stored(text, database) if text.startswith(HASH) else load_architecture(text)


def stored(start: str, database: str) -> "Architecture":
    """The only architecture of the store whose hash begins with ``start``."""
    from nas.cli.stores import opened
    from nas.language import load_architecture
    from nas.store import architectures

    with opened(database) as store, store.reading() as session:
        found = architectures.like(session, start)
        if len(found) > 1:
            raise RequestError(f"Several architectures begin with {start!r}. Write more of the hash.")
        if not found:
            raise NotFoundError(f"No search of {store.name} has met an architecture {start!r}. Check --database.")
        return load_architecture(architectures.get(session, found[0]).document)
