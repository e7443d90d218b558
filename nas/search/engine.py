"""The search itself: ask, question cheapest first, tell.

Trials are asked in waves by number, and a wave is told when all of it is decided, in the order of numbers. So what is
asked for never depends on which training ends first, and a search that was killed anywhere goes on as if nothing had
happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from optuna.trial import TrialState

from nas.errors import MeasurementError
from nas.language import Architecture
from nas.search.baseline import Baseline
from nas.search.judge import Judge
from nas.search.problem import Problem
from nas.search.proposer import Proposer
from nas.search.records import Evaluator, Forecast, Forecaster, Journal, Result, State, Trial
from nas.search.rungs import survivors
from nas.search.study import Study, Verdict

BATCH = 32
"""Trials that are written together while a wave is asked for."""

MEASURED, FORESEEN = "latency_ms", "latency_predicted"
"""Metrics that a trial has once its latency is measured, and once it was foreseen (None: nothing was to be said)."""


class Engine:
    """Runs one search.

    Args:
        problem: What is searched.
        evaluator: Measures and trains.
        journal: Holds the trials so far, and takes what is found.
        forecaster: Foresees latencies; what it puts far over a bound is not measured. None measures everything.
    """

    def __init__(
        self, problem: Problem, evaluator: Evaluator, journal: Journal, forecaster: Forecaster | None = None
    ) -> None:
        self._problem, self._evaluator, self._journal = problem, evaluator, journal
        self._forecaster = forecaster
        self._judge = Judge(problem)
        self._baseline = Baseline(problem, self._judge, evaluator, journal)
        self._study = Study(problem.space, problem.sampler, problem.maximise, seed=problem.seed, trials=problem.trials)
        self._proposer = Proposer(problem, self._study, self._judge)
        self._trials: list[Trial] = []

    def run(self) -> str:
        """Search until the budget is spent or nothing is left to try.

        Returns:
            Why it ended, in a few words.

        Raises:
            Stopped: Somebody wants it to stop here.
            MeasurementError: The baseline cannot be measured or trained, or lacks what an objective needs.
        """
        self._baseline.measure()
        self._restore()
        while wave := self._next_wave():
            self._sift(wave)
            self._screen(wave)
            self._climb(wave)
            self._tell(wave)
        return self._proposer.ended or f"the budget of {self._problem.trials} trials is spent"

    def _restore(self) -> None:
        self._trials = list(self._journal.trials())
        for trial in self._trials:
            verdict = self._verdict(trial) if trial.told else None
            self._study.restore(trial.assignment, trial.attributes, verdict)
            self._proposer.remember(trial)
            if not trial.told:
                trial.architecture = self._problem.space.fill(trial.assignment)

    def _next_wave(self) -> list[Trial]:
        """Return the trials of the wave in hand, asking for those that it lacks; empty at the end."""
        untold = [trial for trial in self._trials if not trial.told]
        number = untold[0].wave if untold else (self._trials[-1].wave + 1 if self._trials else 0)
        wave = [trial for trial in self._trials if trial.wave == number]
        before = sum(trial.counts for trial in self._trials if trial.wave != number)
        missing = min(self._problem.wave, self._problem.trials - before) - sum(trial.counts for trial in wave)
        asked = self._ask(number, missing)
        return [trial for trial in (*wave, *asked) if not trial.told]

    def _ask(self, wave: int, missing: int) -> list[Trial]:
        asked: list[Trial] = []
        unwritten: list[Trial] = []
        while missing > 0 and (trial := self._proposer.propose(wave)) is not None:
            missing -= trial.counts
            asked.append(trial)
            unwritten.append(trial)
            if len(unwritten) == BATCH:
                self._journal.check()
                self._journal.add(unwritten)
                unwritten = []
        if unwritten:
            self._journal.add(unwritten)
        self._trials += asked
        return asked

    def _sift(self, wave: Sequence[Trial]) -> None:
        """Settle without measuring what is foreseen to miss a bound even at the kind end of its interval.

        What was foreseen is written for the whole wave before any of it is measured, and is never asked for again: a
        search that goes on must not decide otherwise because more is known by then.
        """
        waiting = [trial for trial in wave if trial.state == "running" and not {*trial.metrics} & {MEASURED, FORESEEN}]
        if self._forecaster is None or not self._judge.bounds_latency or not waiting:
            return
        for trial, forecast in zip(waiting, self._forecaster([*map(_architecture, waiting)]), strict=True):
            trial.metrics = {**trial.metrics, FORESEEN: None if forecast is None else asdict(forecast)}
            if forecast is not None:
                self._judge_forecast(trial, forecast)
        self._journal.update(waiting)

    def _judge_forecast(self, trial: Trial, forecast: Forecast) -> None:
        foreseen = self._judge.foreseen(trial.metrics, forecast)
        missed = [text for text, violation in foreseen.items() if violation > 0]
        if missed:
            low, middle, high = (
                self._judge.baseline_latency_ms * end for end in (forecast.low, forecast.ratio, forecast.high)
            )
            trial.state, trial.constraints = "infeasible", foreseen
            trial.error = (
                f"infeasible (predicted {middle:.3g} ms, {low:.3g} to {high:.3g} ms): "
                f"it would miss {missed[0]}, so it was not measured."
            )

    def _screen(self, wave: Sequence[Trial]) -> None:
        """Measure the latency of all that may be trained, equal deployed forms once, and one more published system."""
        waiting: dict[str, list[Trial]] = {}
        for trial in wave:
            if trial.state == "running" and MEASURED not in trial.metrics:
                waiting.setdefault(trial.deployed_hash, []).append(trial)
        groups = sorted(waiting.values(), key=_foreseen_ratio)
        names = self._baseline.next_systems(1 if groups else 0)
        systems = [self._problem.references.systems[name] for name in names]
        for index, result in self._evaluator.latencies([*(_architecture(group[0]) for group in groups), *systems]):
            if index >= len(groups):
                self._baseline.measured(names[index - len(groups)], result)
            else:
                for trial in groups[index]:
                    self._record(trial, result, self._screened)
                self._journal.update(groups[index])
            self._journal.check()

    def _screened(self, trial: Trial) -> None:
        trial.metrics = self._judge.scored(trial.metrics)
        if self._violated(trial):
            trial.state = "infeasible"

    def _climb(self, wave: Sequence[Trial]) -> None:
        """Train the wave rung by rung, the baseline beside the first one; after each rung only the best go on."""
        for rung in range(self._problem.rungs):
            running = [trial for trial in wave if trial.state == "running"]
            jobs = [trial for trial in running if len(trial.rungs) == rung]
            self._train(jobs, rung)
            if rung + 1 < self._problem.rungs:
                self._prune([trial for trial in running if trial.state == "running"], rung)
        self._finish([trial for trial in wave if trial.state == "running"])

    def _train(self, jobs: Sequence[Trial], rung: int) -> None:
        """Train those who reached a rung; the baseline, as long as it is not trained, is one of them."""
        first = self._baseline.waiting(rung)
        for index, result in self._evaluator.qualities([*first, *map(_architecture, jobs)], rung):
            if index < len(first):
                self._baseline.trained(rung, result)
            else:
                trial = jobs[index - len(first)]
                self._record(trial, result, self._trained)
                self._journal.update([trial])
                if trial.state == "failed":
                    self._evaluator.decided([_architecture(trial)])
            self._journal.check()

    def _trained(self, trial: Trial) -> None:
        self._judge.values(trial.metrics)
        trial.rungs = [*trial.rungs, float(trial.metrics["psnr_db"])]

    def _prune(self, running: Sequence[Trial], rung: int) -> None:
        """Let those go on who are among the best of all that ever reached this rung."""
        reached = [trial for trial in self._trials if len(trial.rungs) > rung]
        points = [self._judge.point(self._values(trial, rung)) for trial in reached]
        best = survivors(points, self._problem.maximise, self._problem.eta)
        kept = {reached[index].number for index in best}
        pruned = [trial for trial in running if trial.number not in kept and len(trial.rungs) == rung + 1]
        self._settle(pruned, "pruned")

    def _finish(self, running: Sequence[Trial]) -> None:
        for trial in running:
            trial.values = self._values(trial)
        self._settle([trial for trial in running if self._violated(trial)], "infeasible")
        self._settle([trial for trial in running if trial.state == "running"], "complete")

    def _settle(self, trials: Sequence[Trial], state: State) -> None:
        for trial in trials:
            trial.state = state
        if trials:
            self._journal.update(trials)
            self._evaluator.decided([_architecture(trial) for trial in trials])

    def _tell(self, wave: Sequence[Trial]) -> None:
        for trial in sorted(wave, key=lambda trial: trial.number):
            self._study.tell(trial.number, self._verdict(trial))
            trial.told = True
            trial.architecture = None
        self._journal.update(wave)

    def _verdict(self, trial: Trial) -> Verdict:
        if trial.duplicate_of is not None:
            return self._verdict(self._trials[trial.duplicate_of])
        if trial.state == "failed":
            return Verdict(TrialState.FAIL)
        trained = len(trial.rungs) == self._problem.rungs
        values = self._judge.point(self._values(trial)) if trained else None
        state = TrialState.COMPLETE if trained else TrialState.PRUNED
        return Verdict(state, values, trial.constraints)

    def _values(self, trial: Trial, rung: int | None = None) -> dict[str, float]:
        """Return a trained trial's objective values, with its PSNR at a rung (the last one by default)."""
        return self._judge.values({**trial.metrics, "psnr_db": trial.rungs[-1 if rung is None else rung]})

    def _violated(self, trial: Trial) -> bool:
        trial.constraints = self._judge.violations(trial.metrics)
        return any(violation > 0 for violation in trial.constraints.values())

    def _record(self, trial: Trial, result: Result, judged: Callable[[Trial], None]) -> None:
        """Add a result to its trial. What cannot be judged is a failure of this trial, not of the search."""
        if result.error:
            trial.state, trial.error = "failed", result.error
            return
        trial.metrics = {**trial.metrics, **result.metrics}
        try:
            judged(trial)
        except (MeasurementError, KeyError) as error:
            trial.state, trial.error = "failed", f"The result lacks a metric: {error}"


def _foreseen_ratio(group: Sequence[Trial]) -> float:
    """The fastest come first, so that a search that is stopped has measured those; the unknown come before all."""
    forecast = group[0].metrics.get(FORESEEN)
    return 0.0 if forecast is None else float(forecast["ratio"])


def _architecture(trial: Trial) -> Architecture:
    if trial.architecture is None:
        raise AssertionError(f"trial {trial.number} has no architecture in hand")
    return trial.architecture
