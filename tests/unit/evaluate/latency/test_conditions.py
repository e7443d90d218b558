import pynvml
import pytest
import torch

from nas.evaluate.latency.conditions import Conditions, Snapshot, drop_reason, gpu_snapshot, invalid_reason
from nas.evaluate.latency.nvml import Gpu
from nas.evaluate.latency.probe import probe_mhz
from nas.evaluate.latency.readings import why_not
from tests.unit.evaluate.latency import traces
from tests.unit.evaluate.latency.fake_nvml import FakeNvml

GOOD = Snapshot(clock_mhz=1755.0, event_reasons=("sw_power_cap",), processes=1)


def test_good_conditions_drop_nothing() -> None:
    assert drop_reason(GOOD, GOOD, usual_clock_mhz=1755.0, own_processes=1) == ""


def test_what_is_unknown_drops_nothing() -> None:
    assert drop_reason(Snapshot(), Snapshot()) == ""


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (Snapshot(1755.0, ("hw_thermal_slowdown",), 1), "hw_thermal_slowdown"),
        (Snapshot(1755.0, ("hw_slowdown", "gpu_idle"), 1), "hw_slowdown"),
        (Snapshot(1755.0, (), 2), "foreign process: 2 processes"),
        (Snapshot(1700.0, (), 1), "clock 1700 MHz under 97% of the session's 1755 MHz"),
    ],
)
def test_bad_conditions_drop_a_pass(after: Snapshot, reason: str) -> None:
    assert drop_reason(GOOD, after, usual_clock_mhz=1755.0, own_processes=1).startswith(reason)


@pytest.mark.parametrize(
    ("counts", "dropped"),
    [
        ([1, 1, 1, 2, 2, 2, 2, 2], [False, True, True, True]),
        ([1, 1, 1, 2, 1, 1, 1, 1], [False, True, False, False]),
        ([2, 2, 2, 2, 2, 1, 1, 1], [False, False, False, False]),
        ([2, 2, 2, 1, 1, 2, 2, 2], [False, False, True, True]),
        ([1, 1, 2, 1, 1, 1, 1, 1], [False, True, False, False]),
        ([None, None, 2, 2, None, 3, 2, 2], [False, False, True, False]),
    ],
    ids=["stays", "goes again", "leaves", "comes in the place of another", "is there for half a pass", "unknown"],
)
def test_a_foreign_process_costs_every_pass_that_it_is_there(counts: list[int | None], dropped: list[bool]) -> None:
    seen = iter(counts)
    conditions = Conditions(lambda: Snapshot(processes=next(seen)))
    assert [bool(conditions.judge(conditions.snapshot())) for _ in range(4)] == dropped


def test_who_is_there_when_measuring_begins_may_stay() -> None:
    seen = iter([1, 1, 2, 2, 2, 2])
    conditions = Conditions(lambda: Snapshot(processes=next(seen)))
    assert not conditions.judge(conditions.snapshot())
    assert conditions.judge(conditions.snapshot())
    conditions.begin()
    assert not conditions.judge(conditions.snapshot())


def test_the_clock_of_an_idle_device_before_a_pass_is_not_judged() -> None:
    assert drop_reason(Snapshot(clock_mhz=210.0), GOOD, usual_clock_mhz=1755.0) == ""


def test_the_throttled_trace_loses_its_three_throttled_samples() -> None:
    clocks = iter(clock for _, clock in traces.THROTTLED)
    conditions = Conditions(lambda: Snapshot(clock_mhz=float(next(clocks))))
    kept = [ms for ms, _ in traces.THROTTLED if not conditions.judge(Snapshot())]
    assert kept == [ms for ms, clock in traces.THROTTLED if clock > 1500]


@pytest.mark.parametrize(("reasons", "dropped"), [(0x4, False), (0x0, True), (0x4 | 0x80, True)])
def test_a_network_that_brings_the_card_to_its_power_limit_can_be_measured(reasons: int, dropped: bool) -> None:
    found = [Gpu("GPU-1", FakeNvml())] * 6
    heavy = FakeNvml(reasons=reasons, answers={"nvmlDeviceGetClockInfo": 1400})
    conditions = Conditions(lambda: gpu_snapshot(found.pop() if found else Gpu("GPU-1", heavy), pytest.fail))
    light = [conditions.judge(Snapshot()) for _ in range(6)]
    assert light == [""] * 6
    assert [bool(conditions.judge(Snapshot())) for _ in range(5)] == [dropped] * 5


@pytest.mark.parametrize(
    ("drops", "kept", "valid"),
    [(0, 6, True), (1, 6, True), (2, 30, False), (2, 38, True), (1, 1, False), (1, 0, False)],
)
def test_more_than_five_percent_of_drops_are_too_many(drops: int, kept: int, valid: bool) -> None:
    assert (invalid_reason(["hw_slowdown"] * drops, kept) == "") is valid


def test_an_invalid_measurement_says_why() -> None:
    assert invalid_reason(["hw_slowdown", "foreign process"], 4) == (
        "2 of 6 passes were dropped, the last one because of: foreign process"
    )


def test_snapshot_of_a_gpu() -> None:
    assert gpu_snapshot(Gpu("GPU-1", FakeNvml(reasons=0x8)), pytest.fail) == Snapshot(1755.0, ("hw_slowdown",), 2)


def test_where_the_driver_refuses_the_clock_the_probe_finds_it() -> None:
    library = FakeNvml(errors={"nvmlDeviceGetClockInfo": pynvml.NVML_ERROR_NO_PERMISSION})
    assert gpu_snapshot(Gpu("GPU-1", library), lambda: 1400.0) == Snapshot(1400.0, (), 2)
    assert gpu_snapshot(Gpu("GPU-1", FakeNvml(init_error=12)), lambda: 1400.0) == Snapshot(1400.0)


@pytest.mark.parametrize("seen", [[], None], ids=["nobody", "nothing"])
def test_where_the_driver_does_not_see_who_computes_nobody_is_foreign(seen: list[object] | None) -> None:
    blind = Gpu("GPU-1", FakeNvml(answers={"nvmlDeviceGetComputeRunningProcesses": seen}))
    conditions = Conditions(lambda: gpu_snapshot(blind, pytest.fail))
    assert conditions.snapshot().processes is None
    assert not any(conditions.judge(conditions.snapshot()) for _ in range(3))


def test_the_probe_of_the_processor_needs_no_privilege() -> None:
    assert probe_mhz(torch.device("cpu")) > 1.0


def test_a_first_spin_that_takes_longer_does_not_make_the_clock_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    late_ms = iter([0.5])
    monkeypatch.setattr("nas.evaluate.latency.probe._spin_ms", lambda _, cycles: cycles / 1e6 + next(late_ms, 0.0))
    assert probe_mhz(torch.device("cuda")) == pytest.approx(1000.0)


@pytest.mark.parametrize("code", sorted({v for k, v in vars(pynvml).items() if k.startswith("NVML_ERROR_")}))
def test_no_error_of_the_driver_stops_a_measurement_or_becomes_a_zero(code: int) -> None:
    for library in (FakeNvml(errors={"*": code}), FakeNvml(init_error=code)):
        found = Gpu("GPU-1", library)
        assert gpu_snapshot(found, lambda: 1400.0) == Snapshot(1400.0)
        assert why_not(found.energy_mj())
