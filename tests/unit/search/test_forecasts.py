"""Latencies that are foreseen: they sift candidates, and leave a search as repeatable as it was."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from nas.language import Architecture, parse_requirement
from nas.search.engine import Engine
from nas.search.judge import costs
from nas.search.problem import Problem
from nas.search.records import Forecast
from tests.unit.search.table import Death, KilledError, MemoryJournal, TableEvaluator, problem

BOUND = "latency_ratio <= 0.02"


@dataclass
class Seer:
    """Foresees within 30 %, from the second wave on, and never twice the same."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, architectures: Sequence[Architecture]) -> Sequence[Forecast | None]:
        known = bool(self.asked)
        self.asked += [one.hash for one in architectures]
        return [_forecast(one) if known else None for one in architectures]


def _forecast(architecture: Architecture) -> Forecast:
    ratio = costs(architecture)["flops"] / 16.7e9
    return Forecast(ratio, ratio * 0.7, ratio * 1.3)


def bounded(text: str = BOUND, trials: int = 16) -> Problem:
    return problem(requirements=(parse_requirement(text),), trials=trials)


def test_what_is_foreseen_far_over_a_bound_is_not_measured_and_says_so() -> None:
    journal, evaluator = MemoryJournal(), TableEvaluator()
    Engine(bounded(), evaluator, journal, Seer()).run()
    trials = [trial for trial in journal.trials() if trial.state != "duplicate"]
    assert len(trials) == 16
    measured = {architecture for architecture, rung in evaluator.log if rung == -1}
    sifted = [trial for trial in trials if trial.error]
    assert sifted
    assert not {trial.hash for trial in sifted} & measured
    for trial in sifted:
        assert (trial.state, trial.values, trial.rungs) == ("infeasible", {}, [])
        assert trial.error.startswith("infeasible (predicted ")
        assert BOUND in trial.error
        assert "latency_ms" not in trial.metrics
        assert trial.metrics["latency_predicted"]["low"] > 0.02
        assert trial.constraints[BOUND] > 0
    assert all(trial.hash in measured for trial in trials if not trial.error)


@pytest.mark.parametrize("text", ["params <= 1e9", "psnr_db >= 20"])
def test_nobody_is_asked_where_no_bound_is_on_latency(text: str) -> None:
    seer = Seer()
    Engine(bounded(text, trials=4), TableEvaluator(), MemoryJournal(), seer).run()
    assert seer.asked == []


def test_a_killed_search_never_decides_twice_what_was_foreseen() -> None:
    search, counter = bounded(trials=8), Death()
    whole = MemoryJournal(counter)
    Engine(search, TableEvaluator(counter), whole, Seer()).run()
    for after in range(10, counter.done, 7):
        journal, seer = MemoryJournal(Death(after)), Seer()
        with pytest.raises(KilledError):
            Engine(search, TableEvaluator(journal.death), journal, seer).run()
        journal.death = Death()
        Engine(search, TableEvaluator(), journal, seer).run()
        assert journal.rows == whole.rows
        assert len(seer.asked) == len(set(seer.asked))
