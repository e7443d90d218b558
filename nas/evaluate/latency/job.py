"""What a measuring process is asked to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.statistics import StopRule

Answer = dict[str, Any]
"""What a job answers, as plain values."""


@dataclass(frozen=True)
class Job:
    """One piece of measuring."""

    work: str
    """``window``: candidate beside baseline; ``walk``: one network, every image once."""
    device: str
    settings: Settings
    shapes: tuple[Shape, ...]
    threads: int
    limit_s: float
    """Seconds after which the process that does it is killed."""
    rule: StopRule = StopRule()
    extras: bool = False
    """Also measure energy and the replay of a CUDA graph."""
    who: str = "The network"
    """Whose fault it is when a walk fails."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Job":
        """The job that ``to_dict`` wrote."""
        parts = dict(document)
        parts["settings"] = Settings(**document["settings"])
        parts["shapes"] = tuple(Shape(**shape) for shape in document["shapes"])
        parts["rule"] = StopRule(**document["rule"])
        return cls(**parts)


Ask = Callable[[Job, Sequence[nn.Module], int | None], Answer]
"""Has a job done with some networks while holding the lease of a descriptor; raises NetworkError."""
