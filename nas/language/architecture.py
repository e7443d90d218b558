"""An architecture: a document without holes, laid out and checked."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from nas.language.document import Document, parse_document
from nas.language.expand import Expander
from nas.language.graph import Graph
from nas.language.settle import Closed


class Architecture:
    """One network as plain values. Two architectures are equal when their canonical forms are.

    Args:
        plain: The document.

    Raises:
        LanguageError: A rule of the language is broken; the message names the path.
    """

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._document: Document = parse_document(plain)
        self.graph: Graph = Expander(self._document, Closed()).graph()

    @classmethod
    def laid_out(cls, document: Document, graph: Graph) -> "Architecture":
        """Return the architecture of a filled document whose layout is known already (a draw made both)."""
        self = cls.__new__(cls)
        self._document, self.graph = document, graph
        return self

    @property
    def name(self) -> str:
        """What people call it; may be empty."""
        return self._document.name

    @property
    def scale(self) -> int:
        """Enlargement of each side."""
        return self._document.scale

    @cached_property
    def hash(self) -> str:
        """Identity by value: ``a1:`` and the SHA-256 of the canonical form."""
        return self.graph.hash

    @cached_property
    def deployed_hash(self) -> str:
        """Identity of the deployed form, which several training forms share."""
        return self.graph.deployed_hash

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain data."""
        return dict(self._document.plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Architecture({self.name!r}, {self.hash[:11]})"
