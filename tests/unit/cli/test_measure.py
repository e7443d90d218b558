"""`nas measure` with a protocol that answers from a list; the real ones are tested where they are."""

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from torch import nn

from nas.cli.measuring import Setup, searched, sizes
from nas.cli.output import Bar
from nas.errors import BuildError, NasError
from nas.evaluate.latency import LatencyProtocol, Measurement, Settings, Shape, lease, protocol_of
from nas.evaluate.latency.device import cpu_record
from nas.evaluate.latency.measurement import Status
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.predictor import NoPredictionError, Prediction, Predictor, Worth
from nas.language import Architecture, load_architecture
from nas.store import Store, measurements
from nas.store.measurements import Measured
from tests.unit.cli.conftest import Nas
from workers.jobs import Job
from workers.networks import Networks

FAST, SLOW, EFDN = "system:SPAN", "system:EMSR", "system:EFDN"


def sound(ratio: float, width: float = 0.002, **changes: Any) -> Measurement:
    """A sound measurement, its interval so wide (relative)."""
    bounds = (ratio * (1 - width / 2), ratio * (1 + width / 2))
    plain = Measurement(
        protocol="table/1",
        status="ok",
        reason="",
        device=cpu_record(),
        settings=Settings(),
        threads=1,
        shapes=(Shape(8, 8),),
        started_at="2026-11-20T10:00:00+00:00",
        seconds=1.0,
        load=0.5,
        latency_ms=20 * ratio,
        interval_ms=(20 * bounds[0], 20 * bounds[1]),
        ratio=ratio,
        ratio_interval=bounds,
        samples_ms={"candidate": ((20 * ratio,),), "baseline": ((20.0,),)},
    )
    return replace(plain, **changes)


def searched_shapes() -> tuple[Shape, ...]:
    """Sizes of a search with the embedded photographs."""
    return Plan("cpu", sizes=searched("embedded", 4, "cpu"), settings=None).shapes


EFDN_DOCUMENT = load_architecture(EFDN).to_dict()


@dataclass
class Fickle:
    """A predictor that always has another reason to predict nothing."""

    reasons: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    worth: Worth = Worth(30, 0.1, 0.9, 0.2, 0.8, 0.1)

    def predict(self, _: Architecture) -> Prediction:
        """None."""
        raise NoPredictionError(f"Reason {next(self.reasons)}.")


class Remembered:
    """A method, and what it returned so far."""

    def __init__(self, method: Callable[..., LatencyProtocol]) -> None:
        self._method = method
        self.made: list[LatencyProtocol] = []

    def __get__(self, owner: Setup, _: type[Setup]) -> Callable[..., LatencyProtocol]:
        return partial(self, owner)

    def __call__(self, *given: Any) -> LatencyProtocol:
        self.made.append(self._method(*given))
        return self.made[-1]


def failed(reason: str) -> Measurement:
    """A measurement without numbers."""
    missing = dict.fromkeys(("latency_ms", "interval_ms", "ratio", "ratio_interval"))
    return replace(sound(1.0), status="failed", reason=reason, **missing)  # type: ignore[arg-type]


@dataclass
class Table:
    """A protocol that gives one answer after the other."""

    answers: list[Measurement | NasError]
    asked: dict[str, Any] = field(default_factory=dict)
    id: str = "table/1"
    plan: Plan = field(default_factory=lambda: Plan("cpu", sizes=None, settings=None, threads=1))
    setup: str = ""

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """Everything else is the same here."""
        return f"{deployed_hash} beside {baseline_hash}{self.setup}"

    def measure(self, network: nn.Module, baseline: nn.Module, progress: Callable[[int, int], None]) -> Measurement:
        """The next answer."""
        progress(1, 1)
        answer = self.answers.pop(0)
        if isinstance(answer, NasError):
            raise answer
        return answer


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Takes the place of every protocol."""
    made = Table([])

    def protocol_of(name: str, **asked: Any) -> Table:
        made.asked = {"name": name, **asked}
        given = {each: asked[each] for each in ("sizes", "settings", "threads")}
        return replace(made, plan=Plan(asked["device"], **given))

    monkeypatch.setattr("nas.evaluate.latency.protocol_of", protocol_of)
    return made


def test_a_second_request_is_answered_from_the_store_and_fresh_measures_again(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5), sound(0.509)]
    (first,) = nas("measure", FAST, "--json").document
    (second,) = nas("measure", FAST, "--json").document
    assert (first["cached"], second["cached"]) == (False, True)
    assert (second["measurement"], second["samples_ms"]) == (first["measurement"], first["samples_ms"])
    assert (second["flags"], second["change"]) == (["cached"], None)
    third = nas("measure", FAST, "--fresh", "--json")
    assert not table.answers
    assert third.document[0]["flags"] == ["drifted"]
    assert third.document[0]["change"]["ratio"] == pytest.approx(0.018)
    assert "1.8% slower than on 20" in third.err
    assert "intervals do not overlap" in third.err
    assert nas("measure", FAST, "--json").document[0]["flags"] == ["cached", "drifted"]


def test_what_another_process_measured_meanwhile_is_not_measured_again(
    nas: Nas, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.answers = [sound(0.5), sound(0.7)]
    exclusive = lease.exclusive

    def after_another(uuid: str) -> AbstractContextManager[int]:
        monkeypatch.setattr(lease, "exclusive", exclusive)
        assert not nas("measure", FAST, "--json").document[0]["cached"]
        return exclusive(uuid)

    monkeypatch.setattr(lease, "exclusive", after_another)
    (one,) = nas("measure", FAST, "--json").document
    assert (one["cached"], one["ratio"], len(table.answers)) == (True, 0.5, 1)
    monkeypatch.setattr(lease, "exclusive", exclusive)
    (again,) = nas("measure", FAST, "--fresh", "--json").document
    assert (again["cached"], again["ratio"]) == (False, 0.7)


def test_a_wait_for_the_device_is_told_and_the_measurement_follows(
    nas: Nas, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.answers = [sound(0.5)]
    other, tell = lease.exclusive(cpu_record().uuid), Bar.tell

    def tell_and_leave(shown: Bar, sentence: str) -> None:
        tell(shown, sentence)
        other.__exit__(None, None, None)

    monkeypatch.setattr(Bar, "tell", tell_and_leave)
    other.__enter__()
    result = nas("measure", FAST, "--device", "cpu")
    assert result.status == 0
    told = [line for line in result.err.splitlines() if line.startswith("Waiting for ")]
    assert [line.split(", ", 1)[1] for line in told] == ["on which another process measures or trains."]


def test_windows_that_counted_for_nothing_are_told(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5, voided=2)]
    assert f"{FAST}: 2 windows were thrown away because the baseline drifted" in nas("measure", FAST).err


@pytest.mark.parametrize("status", ["unstable", "failed"])
def test_what_is_doubtful_is_measured_again(nas: Nas, table: Table, status: Status) -> None:
    table.answers = [replace(sound(0.5), status=status, reason="The baseline drifted."), sound(0.6)]
    first = nas("measure", FAST, "--json")
    assert (first.document[0]["flags"], first.status) == ([status], 1 if status == "failed" else 0)
    assert "The baseline drifted." in first.err
    (second,) = nas("measure", FAST, "--json").document
    assert (second["cached"], second["ratio"], second["change"]) == (False, 0.6, None)


def test_candidates_are_compared_by_their_intervals(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.8), sound(0.5), sound(0.5, width=0.2)]
    documents = nas("measure", SLOW, FAST, EFDN, "--json").document
    assert [one["than_best"] for one in documents] == ["slower", "best", "cannot tell"]
    assert documents[1]["than"] == {SLOW: "faster", EFDN: "cannot tell"}
    assert [one["than_baseline"] for one in documents] == ["faster"] * 3


def test_a_network_that_fails_is_a_row_and_the_rest_goes_on(nas: Nas, table: Table) -> None:
    table.answers = [failed("The network ran out of memory."), BuildError("It cannot be built."), sound(0.5)]
    result = nas("measure", SLOW, EFDN, FAST)
    assert result.status == 1
    assert "2 of 3 networks could not be measured." in result.err
    assert all(f"{name}: {why}" in result.err for name, why in ((SLOW, "The network ran"), (EFDN, "It cannot be b")))
    assert [line.split()[-1] for line in result.out.splitlines()[-3:]] == ["failed", "failed", "ok"]


def test_the_options_reach_the_protocol(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5)]
    words = ["--protocol", "strict", "--precision", "bf16", "--memory-format", "channels_last", "--engine", "compile"]
    assert nas("measure", FAST, "--threads", "2", "--device", "cpu", "--seconds", "30", *words).status == 0
    settings = Settings(precision="bf16", memory_format="channels_last", engine="compile")
    asked = {"name": "strict", "device": "cpu", "settings": settings, "sizes": None, "threads": 2, "cap_s": 30.0}
    assert table.asked.pop("lease")().__enter__() is None, "held by the command, and by nobody else outside of it"
    assert table.asked == asked


@pytest.mark.parametrize(
    ("words", "name"), [((), "EFDN"), (("--edition", "ntire2026"), "SPAN"), (("--baseline", SLOW), "EMSR")]
)
def test_the_baseline_is_the_editions_or_any_network_and_is_named(
    nas: Nas, table: Table, words: tuple[str, ...], name: str
) -> None:
    table.answers = [sound(0.5)]
    (one,) = nas("measure", FAST, "--json", *words).document
    beside = load_architecture(f"system:{name}")
    named = {"name": name, "hash": beside.hash, "deployed_hash": beside.deployed_hash}
    assert one["baseline"] == named
    with Store(os.environ["NAS_DATABASE"]) as store, store.reading() as session:
        row = measurements.get(session, one["measurement"])
        assert row.record["baseline"] == named
        assert (row.key, row.setup) == tuple(table.key(of, beside.deployed_hash) for of in (one["deployed_hash"], ""))
    cached = nas("measure", FAST, *words)
    assert f"as a ratio to {name}\n" in "".join(f"{line.rstrip()}\n" for line in cached.out.splitlines())
    assert "1 of 1 answered from the store" in cached.err


def test_ratios_to_another_baseline_never_answer(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5), sound(0.8)]
    first, second = (nas("measure", FAST, "--json", "--edition", year).document for year in ("ntire2025", "ntire2026"))
    assert [one["ratio"] for (one,) in (first, second)] == [0.5, 0.8]
    assert (second[0]["cached"], second[0]["change"]) == (False, None)


def test_a_network_that_enlarges_by_another_factor_is_not_measured(nas: Nas, table: Table, tmp_path: Path) -> None:
    file = tmp_path / "twice.json"
    file.write_text(json.dumps({**load_architecture(FAST).to_dict(), "scale": 2}), encoding="utf-8")
    result = nas("measure", str(file))
    assert result.status == 1
    assert "It enlarges by 2, but EFDN, the baseline, by 4; name one that enlarges by 2 with --baseline." in result.err
    table.answers = [sound(1.0)]
    assert nas("measure", str(file), "--baseline", str(file)).status == 0


def test_too_little_time_is_told_with_the_time_that_is_enough(nas: Nas, table: Table) -> None:
    samples = {"candidate": ((900.0, 900.0), (600.0, 600.0)), "baseline": ((1500.0, 1500.0), (1000.0, 1000.0))}
    short = sound(0.6, status="unstable", reason="Few rounds.", stopped="time", confidence=0.5, samples_ms=samples)
    table.answers = [short]
    result = nas("measure", FAST)
    assert (result.status, result.out.split()[-1]) == (0, "unstable")
    assert "one takes 4 s at these sizes now; measure again with --seconds 48, with smaller images" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["--threads", "0"],
        ["--engine", "steam"],
        ["--precision", "tf32"],
        ["--images", "/no/such/folder"],
        ["--edition", "ntire1999"],
        ["--edition", "/no/such/edition.yaml"],
        ["--baseline", "system:NOBODY"],
        ["--baseline", "/no/such/network.yaml"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
        ["--seconds", "9", "--protocol", "challenge"],
    ],
)
def test_a_wrong_request_is_one_sentence(nas: Nas, words: list[str]) -> None:
    result = nas("measure", FAST, "--device", "cpu", *words)
    assert (result.status, result.out, len(result.err.strip().splitlines())) == (2, "", 1)


def test_what_another_time_was_given_is_another_setup() -> None:
    keys = [protocol_of("strict", device="cpu", cap_s=cap_s).key("a network", "a baseline") for cap_s in (None, 60, 9)]
    assert keys[0] == keys[1] != keys[2]


def test_a_prediction_is_refused_while_too_little_was_measured(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5)]
    nas("measure", FAST)
    for words, known in (((), 1), (("--edition", "ntire2026"), 0), (("--baseline", SLOW), 0)):
        result = nas("predict", SLOW, *words)
        assert (result.status, result.out) == (1, "")
        assert f"needs 30 networks measured with this very setup; the store holds {known} for" in result.err


def test_a_refused_prediction_names_its_setup_and_what_there_is_instead(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5, protocol=table.id, shapes=tuple(searched_shapes()))]
    table.setup = "as a search measures"
    nas("measure", FAST, "--device", "cpu")
    table.setup = ""
    words = nas("predict", "--device", "cpu", "--threads", "3").err
    assert "table/1, fp32, contiguous, eager, 3 threads, ratios to EFDN, at the challenge's sizes" in words
    assert "Of this device it also holds 1 with --threads 1 at the sizes of --data embedded." in words


def test_a_data_set_gives_the_very_setup_of_a_search(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = load_architecture("system:EFDN")
    job = Job("", "", {}, "embedded", 0, "cpu", 4, beside.to_dict(), (1,), "")
    monkeypatch.setattr("nas.cli.measuring.Setup.measured_by", remembered := Remembered(Setup.measured_by))
    assert nas("predict", "--device", "cpu", "--data", "embedded").status == 1
    assert remembered.made[0].key("", beside.deployed_hash) == Networks(job).latency_setup()


@pytest.mark.parametrize("words", [["--images", "."], []])
def test_sizes_come_from_one_place_that_exists(nas: Nas, words: list[str]) -> None:
    given = ["--data", "nobody", *words] if words else ["--images", "/no/such/folder"]
    result = nas("measure", FAST, "--device", "cpu", *given)
    why = "--images or from --data; give one" if words else "There is no folder '/no/such/folder'"
    assert (result.status, why in result.err) == (2, True)


def test_every_network_that_cannot_be_predicted_has_its_reason(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [Measured(str(number), EFDN_DOCUMENT, 1.0) for number in range(30)]
    monkeypatch.setattr(measurements, "comparable", lambda *_: measured)
    monkeypatch.setattr(Predictor, "fit", lambda _: Fickle())
    result = nas("predict", FAST, SLOW, EFDN, "--device", "cpu")
    assert (result.status, result.err.splitlines()) == (
        1,
        [f"{FAST}: Reason 1.", f"{SLOW}: Reason 2.", f"{EFDN}: Reason 3.", "3 of 3 networks cannot be predicted."],
    )
    assert nas("predict", "--device", "cpu").out == (
        "As a ratio to EFDN, learned from 30 networks; on networks left out: error 10.0%, rank correlation 0.90 "
        "(FLOPs alone: 20.0%, 0.80).\n"
    )


@pytest.mark.parametrize(
    ("confidences", "head"),
    [
        ((0.9375,), ["93.75 %"] * 2),
        ((None,), ["95 %"] * 2),
        ((0.9883, 0.957), ["95 % or more"] * 2),
        ((0.95, 0.9375), ["interval"] * 2),
    ],
)
def test_intervals_are_headed_by_what_they_are_worth(
    nas: Nas, table: Table, confidences: tuple[float | None, ...], head: list[str]
) -> None:
    table.answers = [sound(0.5, confidence=confidence) for confidence in confidences]
    out = nas("measure", *[FAST, SLOW][: len(confidences)]).out
    titles = next(line for line in out.splitlines() if line.startswith("network"))
    assert re.findall(r"[\d.]+ %(?: or more)?|interval", titles) == head
    assert ("(93.75 %)" in out) == (head[0] == "interval")


def test_sizes_of_pictures_are_upright_and_other_files_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "words.png").write_text("no picture", encoding="utf-8")
    assert sizes(tmp_path) == [(30, 20)]
    assert "Left out words.png" in capsys.readouterr().err
