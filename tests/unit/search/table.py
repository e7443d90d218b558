"""A search without a network in sight: results from a table, a journal in memory, a process that dies on command."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from nas.language import Architecture, load_architecture, load_space
from nas.requests import Objective
from nas.scoring import load_edition
from nas.search.judge import costs
from nas.search.problem import Problem, References
from nas.search.records import Result, Results, Trial
from nas.search.rows import from_row, to_row

SPACE: dict[str, Any] = {
    "language": 1,
    "name": "table",
    "scale": 4,
    "network": {
        "width": {"choice": [8, 12, 16, 20, 24, 32, 48]},
        "head": {"op": "conv", "kernel": {"choice": [1, 3, 5]}},
        "body": [
            {
                "repeat": {"int": [1, 4]},
                "share": "each",
                "block": {
                    "op": "chain",
                    "steps": [
                        {"op": "conv", "kernel": {"choice": [1, 3]}},
                        {"choice": ["relu", "silu", "gelu", {"op": "leaky_relu", "slope": {"choice": [0.05, 0.1]}}]},
                    ],
                },
            }
        ],
        "tail": {"op": "pixelshuffle", "kernel": 3},
    },
}

SMALL_SPACE: dict[str, Any] = {
    **SPACE,
    "network": {
        "width": {"choice": [8, 12, 16, 20, 24, 32, 48]},
        "head": {"op": "conv", "kernel": {"choice": [1, 3, 5]}},
        "body": [
            {"choice": ["relu", {"op": "leaky_relu", "slope": {"choice": [0.05, 0.1]}}]},
            {"op": "conv", "kernel": {"choice": [1, 3]}},
        ],
        "tail": {"op": "pixelshuffle", "kernel": 3},
    },
}


def space_for(sampler: str) -> dict[str, Any]:
    """A space that a sampler gets through in a test; the Gaussian process takes its time."""
    return SMALL_SPACE if sampler == "gp" else SPACE


def problem(space: Mapping[str, Any] = SPACE, **changes: Any) -> Problem:
    """A small search with two rungs."""
    plain = Problem(
        space=load_space(space),
        requirements=load_space(space).require,
        objectives=("psnr", "score"),
        references=References(
            load_architecture("system:EFDN"), load_edition(), {"EMSR": load_architecture("system:EMSR")}
        ),
        rungs=2,
        eta=2,
        sampler="tpe",
        trials=24,
        wave=4,
        seed=0,
    )
    return replace(plain, **changes)


class KilledError(BaseException):
    """The process dies; nothing may catch it."""


@dataclass
class Death:
    """Kills at the n-th thing that is done."""

    after: int = 10**9
    done: int = 0

    def step(self) -> None:
        """Count one thing done, or die."""
        self.done += 1
        if self.done > self.after:
            raise KilledError


def _noise(architecture: Architecture, salt: str) -> float:
    return int(sha256(f"{salt}{architecture.hash}".encode()).hexdigest()[:8], 16) / 2**32


@dataclass
class TableEvaluator:
    """Numbers that are a function of the architecture alone, handed out in any order."""

    death: Death = field(default_factory=Death)
    failing: frozenset[str] = frozenset()
    log: list[tuple[str, int]] = field(default_factory=list)
    """(hash, rung) of every finished evaluation; the screen is rung -1."""

    finished: list[str] = field(default_factory=list)
    backwards: bool = False

    def latencies(self, architectures: Sequence[Architecture]) -> Results:
        """Give each a latency that grows with its FLOPs."""
        for index in self._order(len(architectures)):
            self.death.step()
            architecture = architectures[index]
            self.log.append((architecture.hash, -1))
            ratio = costs(architecture)["flops"] / 16.7e9 * (0.8 + 0.4 * _noise(architecture, "latency"))
            yield index, Result({"latency_ms": 20.0 * ratio, "latency_ratio": ratio})

    def qualities(self, architectures: Sequence[Architecture], rung: int) -> Results:
        """Give each a PSNR that grows with its size and its training."""
        for index in self._order(len(architectures)):
            self.death.step()
            architecture = architectures[index]
            if architecture.hash in self.failing:
                yield index, Result(error="the loss is not finite")
                continue
            self.log.append((architecture.hash, rung))
            size = min(1.0, costs(architecture)["params"] / 100_000)
            yield index, Result({"psnr_db": 23 + size + 0.5 * rung + 0.3 * _noise(architecture, "psnr")})

    def decided(self, architectures: Sequence[Architecture]) -> None:
        """Note who will not be trained any further."""
        self.finished += [architecture.hash for architecture in architectures]

    def facts(self) -> Mapping[str, Any]:
        """Say where the numbers come from."""
        return {"protocol": "table"}

    def _order(self, count: int) -> Sequence[int]:
        return range(count)[::-1] if self.backwards else range(count)


@dataclass
class MemoryJournal:
    """Rows as a store would keep them: text, written one transaction at a time."""

    death: Death = field(default_factory=Death)
    rows: dict[int, str] = field(default_factory=dict)
    document: str = "{}"
    reference: dict[str, float] = field(default_factory=dict)

    def trials(self) -> Sequence[Trial]:
        """All trials so far, by number."""
        return [from_row(json.loads(self.rows[number])) for number in sorted(self.rows)]

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials."""
        self.death.step()
        for trial in trials:
            if trial.number in self.rows:
                raise AssertionError(f"trial {trial.number} was asked for twice")
        self._write(trials)

    def update(self, trials: Sequence[Trial]) -> None:
        """Write what changed."""
        self.death.step()
        self._write(trials)

    def _write(self, trials: Sequence[Trial]) -> None:
        self.rows.update({trial.number: json.dumps(to_row(trial)) for trial in trials})

    def baseline(self) -> Mapping[str, Any]:
        """What was measured of the baseline."""
        return dict(json.loads(self.document))

    def set_baseline(self, baseline: Mapping[str, Any], reference: Mapping[str, float]) -> None:
        """Write what was measured of the baseline."""
        self.death.step()
        self.document, self.reference = json.dumps(baseline), dict(reference)

    def check(self) -> None:
        """Nobody wishes anything."""


def by_state(journal: MemoryJournal, *states: str) -> list[Trial]:
    """The trials that ended so."""
    return [trial for trial in journal.trials() if trial.state in states]


ALL_OBJECTIVES: tuple[Objective, ...] = ("psnr", "score", "latency", "params", "flops", "activations")
