"""Every error a user can meet: one sentence that says what, where, the value and what to do."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import ClassVar


class NasError(Exception):
    """Base of all errors of this service; its text is shown to users as it stands."""

    status: ClassVar[int] = 422
    """HTTP status of the problem document that the API answers."""

    wrong_request: ClassVar[bool] = True
    """True when the request was at fault (exit status 2), False when the service failed (exit status 1)."""


class LanguageError(NasError):
    """A document of the language breaks one of its rules.

    Args:
        path: Where the value stands, such as ``network.body.0.repeat``; empty for the whole document.
        sentence: What is wrong, the value, and what to do.
    """

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


class UnknownNameError(NasError):
    """A name was looked up that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Collection[str]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(sorted(known))}.")


class RequestError(NasError):
    """What was asked for contradicts itself or cannot be done as asked."""


class ConflictError(RequestError):
    """What was asked for does not go with the state that the thing is in."""

    status = 409


class NotFoundError(NasError):
    """Something asked for by its id does not exist."""

    status = 404


class BuildError(NasError):
    """An architecture cannot become the network that was asked for."""


class DataError(NasError):
    """A data set cannot be read."""


class RecipeError(NasError):
    """A training recipe breaks one of its rules."""


class ExportError(NasError):
    """A network cannot be exported as asked."""


class MeasurementError(NasError):
    """A measurement could not be made."""

    status = 500
    wrong_request = False


class StoreError(NasError):
    """The store refused or lost a write."""

    status = 500
    wrong_request = False


class StoreUnavailableError(StoreError):
    """The database cannot be reached or written just now; the same may be tried again later."""

    status = 503


class LeaseLostError(StoreError):
    """A worker wrote to something that another worker has taken over, or that was ended meanwhile."""

    status = 409
