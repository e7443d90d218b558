import pytest

from nas.errors import MeasurementError
from nas.language import parse_requirement
from nas.search.engine import Engine
from nas.search.records import Stopped
from tests.unit.search.table import (
    SPACE,
    Death,
    KilledError,
    MemoryJournal,
    TableEvaluator,
    by_state,
    problem,
    space_for,
)

SAMPLERS = ["tpe", "nsga2", "nsga3", "gp", "random"]


def asked(journal: MemoryJournal) -> list[str]:
    return [trial.hash for trial in journal.trials()]


def test_a_search_spends_its_budget_on_distinct_architectures() -> None:
    journal, evaluator = MemoryJournal(), TableEvaluator()
    ending = Engine(problem(), evaluator, journal).run()
    done = by_state(journal, "complete", "pruned")
    assert ending == "the budget of 24 trials is spent"
    assert len({trial.hash for trial in done}) == len(done) == 24
    assert len(evaluator.log) == len(set(evaluator.log))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_asks_for_the_same_40_architectures_killed_at_20_and_whatever_ends_first(sampler: str) -> None:
    search = problem(space_for(sampler), sampler=sampler, trials=40)
    whole = MemoryJournal()
    Engine(search, TableEvaluator(), whole).run()
    assert len({trial.hash for trial in whole.trials() if trial.counts}) == 40

    again = MemoryJournal(Death(115))
    with pytest.raises(KilledError):
        Engine(search, TableEvaluator(again.death, backwards=True), again).run()
    assert 16 <= sum(trial.counts for trial in again.trials()) <= 24
    again.death = Death()
    Engine(search, TableEvaluator(backwards=True), again).run()
    assert asked(again) == asked(whole)
    assert again.rows == whole.rows


def test_a_search_killed_at_every_single_step_is_the_same_search() -> None:
    small = problem(trials=6, wave=3)
    whole, counter = MemoryJournal(), Death()
    whole.death = counter
    Engine(small, TableEvaluator(counter), whole).run()
    for after in range(counter.done):
        journal = MemoryJournal(Death(after))
        with pytest.raises(KilledError):
            Engine(small, TableEvaluator(journal.death), journal).run()
        journal.death = Death()
        Engine(small, TableEvaluator(), journal).run()
        assert (journal.rows, journal.document) == (whole.rows, whole.document)


def test_what_was_finished_before_a_kill_is_not_started_again() -> None:
    journal, first = MemoryJournal(Death(40)), TableEvaluator()
    with pytest.raises(KilledError):
        Engine(problem(), first, journal).run()
    journal.death, second = Death(), TableEvaluator()
    Engine(problem(), second, journal).run()
    assert not set(first.log[:-1]) & set(second.log)


def test_the_baseline_gives_the_gate_and_the_reference_point() -> None:
    journal = MemoryJournal()
    Engine(problem(), TableEvaluator(), journal).run()
    baseline = journal.baseline()
    assert baseline["gate_psnr_db"] == pytest.approx(baseline["psnr_db"] - 0.03)
    assert journal.reference == pytest.approx({"psnr": baseline["psnr_db"] - 3, "score": 2 * 2.718281828**2})
    assert [system["name"] for system in baseline["systems"]] == ["EMSR"]


def test_a_search_whose_baseline_cannot_be_trained_says_so() -> None:
    efdn = problem().references.baseline.hash
    with pytest.raises(MeasurementError, match=r"baseline could not be trained.*not finite"):
        Engine(problem(), TableEvaluator(failing=frozenset({efdn})), MemoryJournal()).run()


def test_an_objective_that_the_device_cannot_measure_ends_the_search_before_its_first_trial() -> None:
    journal = MemoryJournal()
    with pytest.raises(MeasurementError, match="energy needs energy_mj"):
        Engine(problem(objectives=("psnr", "energy")), TableEvaluator(), journal).run()
    assert not journal.rows


def test_a_failed_training_fails_its_trial_only() -> None:
    journal = MemoryJournal()
    Engine(problem(), TableEvaluator(), journal).run()
    chosen = journal.trials()[1].hash
    again = MemoryJournal()
    Engine(problem(), TableEvaluator(failing=frozenset({chosen})), again).run()
    failed = by_state(again, "failed")
    assert [(trial.hash, trial.error) for trial in failed] == [(chosen, "the loss is not finite")]
    assert len(by_state(again, "complete", "pruned")) == 23


def test_what_costs_too_much_is_never_measured_and_takes_nothing_of_the_budget() -> None:
    journal, evaluator = MemoryJournal(), TableEvaluator()
    bound = parse_requirement("params <= 12000")
    Engine(problem(requirements=(bound,), sampler="random"), evaluator, journal).run()
    forbidden = {trial.hash for trial in by_state(journal, "infeasible")}
    assert forbidden
    assert not forbidden & {hash_ for hash_, _ in evaluator.log}
    assert len(by_state(journal, "complete", "pruned")) == 24


def test_what_is_too_slow_is_measured_but_not_trained() -> None:
    journal, evaluator = MemoryJournal(), TableEvaluator()
    bound = parse_requirement("latency_ms <= 1.5")
    Engine(problem(requirements=(bound,)), evaluator, journal).run()
    slow = {trial.hash for trial in by_state(journal, "infeasible")}
    assert slow
    assert not slow & {hash_ for hash_, rung in evaluator.log if rung >= 0}
    assert len(slow) + len(by_state(journal, "complete", "pruned")) == 24


def test_a_network_that_misses_a_bound_on_psnr_is_no_result() -> None:
    journal = MemoryJournal()
    Engine(problem(requirements=(parse_requirement("psnr_db >= 23.9"),)), TableEvaluator(), journal).run()
    assert all(trial.metrics["psnr_db"] >= 23.9 for trial in by_state(journal, "complete"))
    assert any(trial.metrics["psnr_db"] < 23.9 for trial in by_state(journal, "infeasible"))


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_space_that_is_exhausted_ends_the_search(sampler: str) -> None:
    tiny = {**SPACE, "network": {**SPACE["network"], "body": [{"choice": ["relu", "silu"]}]}}
    journal = MemoryJournal()
    ending = Engine(problem(tiny, trials=100, sampler=sampler), TableEvaluator(), journal).run()
    assert "42" in ending
    assert "were tried" in ending
    assert len(by_state(journal, "complete", "pruned")) == 42


def test_a_wish_to_stop_ends_the_search_between_two_results() -> None:
    class Wishing(MemoryJournal):
        def check(self) -> None:
            if len(self.rows) >= 8:
                raise Stopped("pause")

    journal = Wishing()
    with pytest.raises(Stopped):
        Engine(problem(), TableEvaluator(), journal).run()
    assert any(trial.state == "running" for trial in journal.trials())


def test_everybody_who_trained_is_decided_in_the_end() -> None:
    evaluator = TableEvaluator()
    search = problem()
    Engine(search, evaluator, MemoryJournal()).run()
    trained = {hash_ for hash_, rung in evaluator.log if rung >= 0}
    assert search.references.baseline.hash in trained
    assert sorted(evaluator.finished) == sorted(trained)
