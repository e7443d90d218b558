"""The baseline and the published systems, measured and trained as candidates are: what a search compares with."""

from collections.abc import Sequence
from typing import Any

from nas.errors import MeasurementError
from nas.language import Architecture
from nas.search.judge import Judge, costs
from nas.search.problem import Problem
from nas.search.records import Evaluator, Journal, Result

FIRST_SYSTEMS = 4
"""Published systems that are measured before the first trial; the others follow, one with each wave."""

WORST_PSNR_DB = 3.0
"""The hypervolume's reference point lies this far under the baseline's PSNR."""

WORST_FACTOR = 2.0
"""And at this multiple of the baseline in everything that is better when small."""


class Baseline:
    """What a search knows of the networks that it compares with; kept in the journal as it comes.

    The document: ``name, hash, deployed_hash, params, flops, latency_ms, ..., systems: [...]``, then ``psnr_by_rung``
    and at the end ``psnr_db, gate_psnr_db, seeds``.
    """

    def __init__(self, problem: Problem, judge: Judge, evaluator: Evaluator, journal: Journal) -> None:
        self._problem, self._judge, self._evaluator, self._journal = problem, judge, evaluator, journal
        self._document: dict[str, Any] = {}

    def measure(self) -> None:
        """Measure the latency of the baseline and of the first published systems, unless that is done.

        Raises:
            MeasurementError: The baseline cannot be measured, or what an objective needs was not measured.
        """
        self._document = dict(self._journal.baseline())
        if "latency_ms" not in self._document:
            self._measure()
        self._judge.baseline_latency_ms = float(self._document["latency_ms"])
        self._judge.check_measured({**self._document, "latency_ratio": 1.0})
        names = self.next_systems(max(0, FIRST_SYSTEMS - len(self._document["systems"])))
        systems = self._problem.references.systems
        for index, result in self._evaluator.latencies([systems[name] for name in names]):
            self.measured(names[index], result)
            self._journal.check()

    def waiting(self, rung: int) -> Sequence[Architecture]:
        """Return the baseline if it has yet to be trained to this rung, else nothing."""
        return [self._problem.references.baseline] if len(self._document.get("psnr_by_rung", [])) == rung else []

    def trained(self, rung: int, result: Result) -> None:
        """Take what training the baseline to a rung gave; the last rung gives the gate.

        Raises:
            MeasurementError: It could not be trained.
        """
        if result.error:
            raise MeasurementError(f"The baseline could not be trained, so there is no gate: {result.error}")
        document, psnr_db = self._document, float(result.metrics["psnr_db"])
        document["psnr_by_rung"] = [*document.get("psnr_by_rung", []), psnr_db]
        if rung + 1 == self._problem.rungs:
            document["psnr_db"], document["seeds"] = psnr_db, 1
            document["gate_psnr_db"] = psnr_db - self._problem.references.edition.gates.margin_db
            self._evaluator.decided([self._problem.references.baseline])
        self._write()

    def next_systems(self, count: int) -> list[str]:
        """Return the names of the next published systems to measure, in the order that was given."""
        known = {system["name"] for name in ("systems", "not_measured") for system in self._document.get(name, [])}
        return [name for name in self._problem.references.systems if name not in known][:count]

    def measured(self, name: str, result: Result) -> None:
        """Take what measuring a published system gave; one that cannot be measured is named, with the reason."""
        if result.error:
            self._document["not_measured"] += [{"name": name, "error": result.error}]
        else:
            described = _described(name, self._problem.references.systems[name], result)
            self._document["systems"] += [self._judge.scored(described)]
        self._write()

    def _measure(self) -> None:
        baseline, edition = self._problem.references.baseline, self._problem.references.edition
        for _, result in self._evaluator.latencies([baseline]):
            if result.error:
                raise MeasurementError(f"The baseline {baseline.name} could not be measured: {result.error}")
            own = _described(baseline.name, baseline, result)
            facts = {"edition": edition.name, **self._evaluator.facts()}
            self._document = {**own, **facts, "systems": [], "not_measured": []}
        self._write()

    def _write(self) -> None:
        done = "gate_psnr_db" in self._document
        self._journal.set_baseline(self._document, self._reference() if done else {})

    def _reference(self) -> dict[str, float]:
        """Return the hypervolume's reference point, in natural directions."""
        own = self._judge.values(self._judge.scored({**self._document, "latency_ratio": 1.0}))
        up: dict[str, bool] = dict(zip(self._problem.objectives, self._problem.maximise, strict=True))
        return {name: value - WORST_PSNR_DB if up[name] else value * WORST_FACTOR for name, value in own.items()}


def _described(name: str, architecture: Architecture, result: Result) -> dict[str, Any]:
    identity = {"name": name, "hash": architecture.hash, "deployed_hash": architecture.deployed_hash}
    return {**identity, **costs(architecture), **result.metrics}
