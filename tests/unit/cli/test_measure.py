"""`nas measure` with a protocol that answers from a list; the real ones are tested where they are."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from torch import nn

from nas.cli.measuring import sizes
from nas.errors import BuildError, NasError
from nas.evaluate.latency import Measurement, Settings, Shape
from nas.evaluate.latency.device import cpu_record
from nas.evaluate.latency.measurement import Status
from tests.unit.cli.conftest import Nas

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

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """Everything else is the same here."""
        return f"{deployed_hash} beside {baseline_hash}"

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
        return made

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
    assert nas("measure", FAST, "--threads", "2", "--device", "cpu", *words).status == 0
    settings = Settings(precision="bf16", memory_format="channels_last", engine="compile")
    assert table.asked == {"name": "strict", "device": "cpu", "settings": settings, "sizes": None, "threads": 2}


@pytest.mark.parametrize(
    "words", [["--threads", "0"], ["--engine", "steam"], ["--precision", "tf32"], ["--images", "/no/such/folder"]]
)
def test_a_wrong_request_is_one_sentence(nas: Nas, words: list[str]) -> None:
    result = nas("measure", FAST, "--device", "cpu", *words)
    assert (result.status, result.out, len(result.err.strip().splitlines())) == (2, "", 1)


def test_a_prediction_is_refused_while_too_little_was_measured(nas: Nas, table: Table) -> None:
    table.answers = [sound(0.5)]
    nas("measure", FAST)
    result = nas("predict", SLOW)
    assert (result.status, result.out) == (1, "")
    assert "needs 30 networks measured with this very setup; the store holds 1." in result.err


def test_sizes_of_pictures_are_upright_and_other_files_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "words.png").write_text("no picture", encoding="utf-8")
    assert sizes(tmp_path) == [(30, 20)]
    assert "Left out words.png" in capsys.readouterr().err
