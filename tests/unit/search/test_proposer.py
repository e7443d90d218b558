from typing import Any

import pytest
from optuna.trial import TrialState

from nas.language import load_architecture, parse_requirement
from nas.search.judge import Judge
from nas.search.problem import References
from nas.search.proposer import MOST_DUPLICATES, MOST_FORBIDDEN, Proposer
from nas.search.records import Trial
from nas.search.study import Study, Verdict
from tests.unit.search.table import SMALL_SPACE, SPACE, problem


def proposer(space: Any = SPACE, **changes: Any) -> tuple[Proposer, Study]:
    made = problem(space, **{"sampler": "random", **changes})
    study = Study(made.space, made.sampler, made.maximise, seed=made.seed, trials=made.trials)
    return Proposer(made, study, Judge(made)), study


def proposed(source: Proposer, study: Study) -> list[Trial]:
    """All that comes until the end, each told at once."""
    found: list[Trial] = []
    while (trial := source.propose(0)) is not None:
        found.append(trial)
        if not trial.told:
            study.tell(trial.number, Verdict(TrialState.COMPLETE, [1.0, 1.0]))
    return found


def test_a_small_space_is_tried_to_its_last_architecture() -> None:
    source, study = proposer(SMALL_SPACE)
    found = proposed(source, study)
    assert len({trial.hash for trial in found if trial.counts}) == 126
    assert "126" in source.ended


def test_duplicates_never_come_more_than_a_few_in_a_row() -> None:
    source, study = proposer(SMALL_SPACE)
    row = "".join("d" if trial.state == "duplicate" else "n" for trial in proposed(source, study))
    assert "d" in row
    assert "d" * (MOST_DUPLICATES + 1) not in row


def test_a_duplicate_names_the_first_trial_of_its_architecture() -> None:
    source, study = proposer(SMALL_SPACE)
    found = proposed(source, study)
    for trial in found:
        if trial.duplicate_of is not None:
            first = found[trial.duplicate_of]
            assert (first.hash, first.state) == (trial.hash, "running")


def test_what_keeps_the_bounds_is_found_where_the_sampler_does_not_find_it() -> None:
    bound = parse_requirement("params <= 3800")
    source, _ = proposer(requirements=(bound,))
    found: list[Trial] = []
    while sum(trial.counts for trial in found) < 8:
        trial = source.propose(0)
        assert trial is not None
        found.append(trial)
    row = "".join("n" if trial.counts else "x" for trial in found if trial.state != "duplicate")
    assert "x" * (MOST_FORBIDDEN + 1) not in row
    assert all(trial.metrics["params"] <= 3800 for trial in found if trial.counts)


def test_bounds_that_nothing_new_keeps_end_the_search() -> None:
    source, study = proposer(SMALL_SPACE, requirements=(parse_requirement("params <= 3700"),))
    found = proposed(source, study)
    assert source.ended == "none of 2000 random draws was new and kept the bounds on cost"
    assert not [trial for trial in found if trial.counts and trial.metrics["params"] > 3700]


def test_a_draw_that_breaks_a_rule_is_a_failed_trial_with_its_reason() -> None:
    fuse = {"op": "concat", "of": ["head", {"choice": ["body[0]", "body[2]"]}], "kernel": 1}
    broken = {**SPACE, "network": {**SPACE["network"], "body": ["relu"], "fuse": fuse}}
    found = proposed(*proposer(broken))
    failed = [trial for trial in found if trial.state == "failed"]
    assert failed
    assert all("body" in trial.error and not trial.counts for trial in failed)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_published_systems_that_fit_come_first(sampler: str) -> None:
    emsr = load_architecture("system:EMSR")
    plain = emsr.to_dict()
    space = {**plain, "network": {**plain["network"], "output": {"clamp": {"choice": [True, False]}}}}
    references = References(problem().references.baseline, problem().references.edition, {"EMSR": emsr})
    source, _ = proposer(space, sampler=sampler, warm_start=True, references=references)
    if problem(space).space.contains(emsr):
        first = source.propose(0)
        assert first is not None
        assert first.hash == emsr.hash
    else:
        pytest.fail("the space is made around EMSR and must contain it")
