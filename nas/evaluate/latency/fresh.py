"""Work in a fresh process: nothing warmed up by what came before, and nothing lost when it hangs or dies."""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.evaluate.latency.protocol import NetworkError
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.statistics import StopRule

NETWORKS, REQUEST, ANSWER = "networks.pt", "request.json", "answer.json"


@dataclass(frozen=True)
class Job:
    """What a fresh process measures."""

    work: str
    """``window``: candidate beside baseline; ``walk``: one network, every image once."""
    device: str
    settings: Settings
    shapes: tuple[Shape, ...]
    threads: int
    limit_s: float
    """Seconds after which the process is killed."""
    rule: StopRule = StopRule()
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


def run_fresh(job: Job, networks: Sequence[nn.Module], *, inherit: int | None = None) -> dict[str, Any]:
    """Does a job in a fresh Python process.

    Args:
        job: What to do.
        networks: Their classes must be importable under the names they have here.
        inherit: Descriptor of the lease; the child keeps it, so that the device stays taken if this process dies.

    Returns:
        What the job answers, as plain values.

    Raises:
        NetworkError: The networks cannot be sent, or the process failed, died or took longer than its limit.
    """
    with tempfile.TemporaryDirectory(prefix="nas-latency-") as name:
        folder = Path(name)
        (folder / REQUEST).write_text(json.dumps(job.to_dict()))
        try:
            torch.save(list(networks), folder / NETWORKS)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise NetworkError(f"The network cannot be sent to a fresh process: {error}") from error
        _run(folder, job.limit_s, () if inherit is None else (inherit,))
        answer: dict[str, Any] = json.loads((folder / ANSWER).read_text())
    if "failed" in answer:
        raise NetworkError(answer["failed"])
    return answer


def _run(folder: Path, limit_s: float, inherit: tuple[int, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nas.evaluate.latency.child", str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        pass_fds=inherit,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise NetworkError(f"The network hung: no result after {limit_s:g} s, so its process was killed.") from None
    finally:
        _end(process)
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        raise NetworkError(f"The process that ran the network was ended by {name}; SIGKILL often means out of memory.")
    if process.returncode:
        last = (errors.strip().splitlines() or ["nothing on stderr"])[-1]
        raise NetworkError(f"The process that ran the network failed with status {process.returncode}: {last}")


def _end(process: "subprocess.Popen[str]") -> None:
    """Ends the process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
