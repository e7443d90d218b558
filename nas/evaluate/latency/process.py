"""A process that measures for this one: a network that hangs, dies or takes all memory takes only that process along.

A protocol that wants fresh processes starts one for each job. The screen keeps one for all its candidates, since a
start costs seconds; when a network has taken it down, the next job gets another.
"""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import Pipe
from multiprocessing.reduction import send_handle
from threading import Lock
from typing import Protocol

import torch
from torch import nn

from nas.errors import MeasurementError
from nas.evaluate.latency.failures import NetworkError
from nas.evaluate.latency.heap import with_huge_pages
from nas.evaluate.latency.job import Answer, Job

START_LIMIT_S = 300.0
"""Seconds in which a process must have imported torch; a busy machine takes its time."""


class Closes(Protocol):
    """Something to close."""

    def close(self) -> None: ...


class Measurer:
    """One process that does one job after the other and ends with this object.

    Raises:
        MeasurementError: The process does not start.
    """

    def __init__(self) -> None:
        self._ours, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nas.evaluate.latency.child", str(theirs.fileno())],
            env=with_huge_pages(os.environ) | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )
        theirs.close()
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, self._errors, self._ours)
        if not self._answers_within(START_LIMIT_S):
            reason = self._last_words() or f"silent for {START_LIMIT_S:g} s"
            self.close()
            raise MeasurementError(f"The measuring process did not start: {reason}")

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Can it take a job?"""
        return self.close.alive and self._process.poll() is None

    def ask(self, job: Job, networks: bytes, lease: int | None = None) -> Answer:
        """Has a job done.

        Args:
            job: What to do.
            networks: What ``packed`` made of them.
            lease: Descriptor of the lease; the process holds it too, so that the device stays taken while it works.

        Raises:
            NetworkError: The networks cannot be measured, or the process died or took longer than its limit.
        """
        try:
            answer = self._exchange(job, networks, lease)
        except (EOFError, ConnectionError):
            raise NetworkError(self._why_it_died()) from None
        except BaseException:  # an interrupt leaves a job behind, whose answer nobody must take for another's
            self.close()
            raise
        if answer.pop("last"):
            self.close()
        if "failed" in answer:
            raise NetworkError(answer["failed"])
        return answer

    def _exchange(self, job: Job, networks: bytes, lease: int | None) -> Answer:
        self._send(job, networks, lease)
        if not self._ours.poll(job.limit_s):
            cure = "smaller images, or more time (--seconds)" if job.work == "window" else "smaller images"
            raise NetworkError(
                f"No result after {job.limit_s:g} s, so the process was killed: the network or the baseline hung or is "
                f"too slow at these sizes; use {cure}."
            )
        answer: Answer = json.loads(self._ours.recv_bytes())
        return answer

    def _send(self, job: Job, networks: bytes, lease: int | None) -> None:
        self._ours.send_bytes(json.dumps(job.to_dict() | {"leased": lease is not None}).encode())
        self._ours.send_bytes(networks)
        if lease is not None:
            send_handle(self._ours, lease, self.pid)

    def _answers_within(self, seconds: float) -> bool:
        try:
            return self._ours.poll(seconds) and bool(self._ours.recv_bytes())
        except EOFError:
            return False

    def _why_it_died(self) -> str:
        status, last = self._process.wait(), self._last_words()
        self.close()
        if status < 0:
            name = _signal_name(-status)
            often = "; the system often does so when memory runs out" if name == "SIGKILL" else ""
            return f"The process that ran the network was ended by {name}{often}."
        return f"The process that ran the network failed with status {status}: {last or 'nothing on stderr'}"

    def _last_words(self) -> str:
        self._errors.seek(0)
        return (self._errors.read().decode(errors="replace").strip().splitlines() or [""])[-1]


def packed(networks: Sequence[nn.Module]) -> bytes:
    """Networks as they travel; their classes must be importable under the names they have here.

    Raises:
        NetworkError: They cannot be sent.
    """
    file = io.BytesIO()
    try:
        torch.save(list(networks), file)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise NetworkError(f"The network cannot be sent to a measuring process: {error}") from error
    return file.getvalue()


def _signal_name(number: int) -> str:
    """Its name; real-time signals have none."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _end(owner: int, process: "subprocess.Popen[bytes]", *files: Closes) -> None:
    """Ends the process and what it started, unless this is a fork of the process that owns it."""
    if os.getpid() == owner:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for file in files:
        file.close()


class Resident:
    """A measuring process that stays for the next job, and is replaced when a network took it down."""

    def __init__(self) -> None:
        self._measurer: Measurer | None = None
        self._owner = os.getpid()
        self._one_at_a_time = Lock()

    def ask(self, job: Job, networks: Sequence[nn.Module], lease: int | None = None) -> Answer:
        """See ``packed`` and ``Measurer.ask``."""
        sent = packed(networks)
        with self._one_at_a_time:
            return self._living().ask(job, sent, lease)

    @property
    def pid(self) -> int | None:
        """Id of its process, None when there is none."""
        return self._measurer.pid if self._measurer is not None and self._measurer.alive else None

    def close(self) -> None:
        """Ends the process; the next job starts another."""
        if self._measurer is not None:
            self._measurer.close()
            self._measurer = None

    def _living(self) -> Measurer:
        if self._measurer is None or not self._measurer.alive or self._owner != os.getpid():
            self.close()
            self._owner, self._measurer = os.getpid(), Measurer()
        return self._measurer


@cache
def resident() -> Resident:
    """The resident measuring process of this process."""
    return Resident()


def ask_resident(job: Job, networks: Sequence[nn.Module], lease: int | None = None) -> Answer:
    """Has a job done by the resident process."""
    return resident().ask(job, networks, lease)


def ask_fresh(job: Job, networks: Sequence[nn.Module], lease: int | None = None) -> Answer:
    """Has a job done by a process that has done nothing before and nothing afterwards."""
    sent = packed(networks)
    measurer = Measurer()
    try:
        return measurer.ask(job, sent, lease)
    finally:
        measurer.close()
