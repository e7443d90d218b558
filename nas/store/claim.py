"""The token of whoever works on a leased row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """Shown with every write of a worker; a later claim of the same row makes it worthless."""

    id: str
    """The search's or the export's id."""
    worker: str
    fence: int
