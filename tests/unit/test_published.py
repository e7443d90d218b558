import pytest

from nas.errors import UnknownNameError
from nas.published import System, system, systems
from nas.scoring import load_edition


def test_the_baselines_come_first_and_the_others_by_rank() -> None:
    first, second, *others = systems()
    found = [(one.name, one.rank, one.baseline_of) for one in (first, second)]
    assert found == [("EFDN", None, "ntire2025"), ("SPAN", None, "ntire2026")]
    assert all(load_edition(edition).baseline.system == name for name, _, edition in found)
    ranks = [one.rank for one in others if one.rank is not None]
    assert ranks == sorted(ranks)


def test_what_has_no_rank_is_a_baseline_or_says_why() -> None:
    below = {one.name for one in systems() if "PSNR" in one.unranked}
    assert below == {"Cidaut_AI", "DepthIBN", "IVL", "NJUPCA", "SylabSR"}
    assert all((one.rank is None) == bool(one.unranked or one.baseline_of) for one in systems())


@pytest.mark.parametrize("one", [one for one in systems() if one.name != "NJUPCA"], ids=lambda one: one.name)
def test_what_the_tree_counts_rounds_to_what_the_report_prints(one: System) -> None:
    assert one.params / 1e6 == pytest.approx(one.table["params_m"], abs=0.0006)
    assert one.flops / 1e9 == pytest.approx(one.table["flops_g"], rel=0.006)


def test_one_row_of_the_report_counts_the_training_form_as_well() -> None:
    one = system("NJUPCA")
    trained, convs = 48 * 96 + 96 + 96 * 96 * 9 + 96 + 96 * 48 + 48 + 48 * 48 + 48, 19
    first = 3 * 6 + 6 + 6 * 96 * 9 + 96 + 96 * 48 + 48 + 3 * 48 + 48
    assert (one.params + convs * trained + first) / 1e6 == pytest.approx(one.table["params_m"], abs=0.0006)
    assert one.flops / 1e9 == pytest.approx(one.table["flops_g"], rel=0.006)


def test_a_system_that_nobody_published_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'EFDN'"):
        system("EFDNN")
