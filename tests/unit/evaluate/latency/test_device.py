import dataclasses
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest
import torch

from nas.errors import RequestError
from nas.evaluate.latency import cpu
from nas.evaluate.latency.device import DeviceRecord, cpu_record, device_record, read_gpu, resolve
from nas.evaluate.latency.nvml import Gpu
from nas.evaluate.latency.readings import Reading, number, unavailable, why_not
from tests.unit.evaluate.latency.fake_nvml import FakeNvml

CODES = sorted({v for k, v in vars(pynvml).items() if k.startswith("NVML_ERROR_")})
FROM_NVML = (
    "driver", "clock_mhz", "clock_max_mhz", "memory_clock_mhz", "temperature_c", "power_w", "power_limit_w",
    "event_reasons", "processes", "utilisation_percent", "memory_total_mb", "memory_used_mb", "ecc", "mig",
    "persistence", "compute_mode",
)  # fmt: skip
KNOWN = {
    "driver": "580.95.05", "clock_mhz": 1755, "clock_max_mhz": 1980, "memory_clock_mhz": 1755, "temperature_c": 41,
    "power_w": 123.456, "power_limit_w": 700.0, "event_reasons": [], "processes": 2, "utilisation_percent": 0,
    "memory_total_mb": 80_000.0, "memory_used_mb": 1_000.0, "ecc": True, "mig": False, "persistence": True,
    "compute_mode": "exclusive_process",
}  # fmt: skip


def record(library: FakeNvml, uuid: str = "GPU-1") -> DeviceRecord:
    return read_gpu(Gpu(uuid, library), uuid=uuid, name="a GPU", multiprocessors=132)


def readings(found: DeviceRecord) -> dict[str, Reading]:
    return {name: getattr(found, name) for name in FROM_NVML}


def test_every_reading_of_a_willing_driver() -> None:
    assert readings(record(FakeNvml())) == KNOWN


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_of_every_reading_is_a_reason(code: int) -> None:
    found = readings(record(FakeNvml(errors={"*": code})))
    assert all(why_not(reading) for reading in found.values()), found


@pytest.mark.parametrize("code", CODES)
def test_a_library_that_does_not_start_is_a_reason(code: int) -> None:
    found = readings(record(FakeNvml(init_error=code)))
    assert len({why_not(reading) for reading in found.values()}) == 1
    assert all(why_not(reading) for reading in found.values())


@pytest.mark.parametrize("function", sorted(FakeNvml()._answers))
def test_one_refusal_costs_one_reading(function: str) -> None:
    found = readings(record(FakeNvml(errors={function: pynvml.NVML_ERROR_NO_PERMISSION})))
    refused = {name for name, reading in found.items() if why_not(reading)}
    assert all(found[name] == unavailable("no_permission") for name in refused)
    assert {name: found[name] for name in found if name not in refused} == {
        name: value for name, value in KNOWN.items() if name not in refused
    }
    assert len(refused) <= 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no_driver"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "no_driver"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "no_permission"),
        (pynvml.NVML_ERROR_NOT_SUPPORTED, "unsupported"),
        (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, "unsupported"),
        (pynvml.NVML_ERROR_GPU_IS_LOST, "error: GPU is lost"),
        (pynvml.NVML_ERROR_UNKNOWN, "error: Unknown Error"),
    ],
)
def test_reasons_have_names(code: int, reason: str) -> None:
    assert record(FakeNvml(errors={"nvmlDeviceGetPowerUsage": code})).power_w == unavailable(reason)


@pytest.mark.parametrize(
    "function",
    [
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetEnforcedPowerLimit",
    ],
)
def test_an_impossible_zero_is_no_value(function: str) -> None:
    found = readings(record(FakeNvml(answers={function: 0})))
    assert [name for name, v in found.items() if v == 0 and v is not False] == ["utilisation_percent"]
    assert any(why_not(reading) == "error: it reported 0" for reading in found.values())


def test_not_available_as_a_number_is_no_value() -> None:
    library = FakeNvml(answers={"nvmlDeviceGetTotalEnergyConsumption": 2**64 - 1})
    assert Gpu("GPU-1", library).energy_mj() == unavailable("unsupported")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"nvmlDeviceGetComputeMode": 7}, {"compute_mode": "error: ValueError: unknown compute mode 7"}),
        ({"nvmlDeviceGetComputeRunningProcesses": None}, {"processes": "error: it reported nothing"}),
        (
            {"nvmlDeviceGetComputeRunningProcesses": []},
            {"processes": "error: it reported 0 though this process computes there"},
        ),
        (
            {"nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=2**32 - 1, memory=0)},
            {"utilisation_percent": "unsupported"},
        ),
        (
            {"nvmlDeviceGetMemoryInfo": SimpleNamespace(total=2**64 - 1, used=0)},
            {"memory_total_mb": "unsupported", "memory_used_mb": "error: it reported 0"},
        ),
        (
            {"nvmlDeviceGetMemoryInfo": SimpleNamespace()},
            dict.fromkeys(("memory_total_mb", "memory_used_mb"), "error: AttributeError"),
        ),
        ({"nvmlDeviceGetEccMode": []}, {"ecc": "error: IndexError"}),
        ({"nvmlDeviceGetPowerUsage": "many"}, {"power_w": "error: TypeError"}),
        (
            {"nvmlDeviceGetTemperature": OSError("the library is gone")},
            {"temperature_c": "error: OSError: the library"},
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_odd_answer_costs_its_reading_and_is_told(answers: dict[str, Any], expected: dict[str, str]) -> None:
    found = readings(record(FakeNvml(answers=answers)))
    for name, reason in expected.items():
        assert why_not(found[name]).startswith(reason), found[name]
    assert {name: found[name] for name in found if name not in expected} == {
        name: value for name, value in KNOWN.items() if name not in expected
    }


def test_nobody_computes_on_a_gpu_that_this_process_does_not_use() -> None:
    library = FakeNvml(answers={"nvmlDeviceGetComputeRunningProcesses": []})
    found = read_gpu(Gpu("GPU-1", library), uuid="GPU-1", name="a GPU", multiprocessors=132, computing=False)
    assert found.processes == 0


def test_a_gpu_that_is_cut_into_slices_says_so() -> None:
    assert readings(record(FakeNvml(answers={"nvmlDeviceGetMigMode": [1, 1]}))) == KNOWN | {"mig": True}


def test_a_library_that_cannot_be_loaded_is_a_reason() -> None:
    found = readings(read_gpu(Gpu("GPU-1", object()), uuid="GPU-1", name="a GPU", multiprocessors=132))
    assert all(why_not(reading).startswith("error: AttributeError: ") for reading in found.values())


def test_event_reasons_have_names() -> None:
    assert record(FakeNvml(reasons=0x44)).event_reasons == ["hw_thermal_slowdown", "sw_power_cap"]


def test_an_old_driver_is_asked_by_the_old_name() -> None:
    old = FakeNvml(reasons=0x8, errors={"nvmlDeviceGetCurrentClocksEventReasons": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND})
    assert record(old).event_reasons == ["hw_slowdown"]


def test_an_old_library_without_the_new_name_is_asked_by_the_old_one() -> None:
    new, old = "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
    assert record(FakeNvml(reasons=0x8, missing=[new])).event_reasons == ["hw_slowdown"]
    assert record(FakeNvml(missing=[new, old])).event_reasons == unavailable("unsupported")


@pytest.mark.parametrize("uuid", ["GPU-1", "1"])
def test_a_gpu_is_found_by_its_uuid(uuid: str) -> None:
    assert record(FakeNvml(), uuid).clock_mhz == 1755


def test_a_mig_slice_is_found_by_its_uuid() -> None:
    library = FakeNvml(uuid="MIG-7", errors={"nvmlDeviceGetClockInfo": pynvml.NVML_ERROR_NOT_SUPPORTED})
    found = record(library, "7")
    assert library.asked == ["GPU-7", "MIG-7"]
    assert found.clock_mhz == unavailable("unsupported")
    assert found.memory_total_mb == 80_000.0


def test_an_unknown_uuid_is_a_reason_and_never_another_gpu() -> None:
    assert why_not(record(FakeNvml(), "GPU-2").power_w) == "error: Not Found"


def test_records_survive_json() -> None:
    for found in (cpu_record(), record(FakeNvml()), record(FakeNvml(init_error=12))):
        assert DeviceRecord.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_processor_has_a_value_or_a_reason_in_every_field() -> None:
    found = device_record("cpu")
    for field in dataclasses.fields(found):
        reading = getattr(found, field.name)
        assert why_not(reading) or reading not in (None, "", 0), field.name
    assert found.kind == "cpu"
    assert found.threads == torch.get_num_threads()


def test_the_processors_id_is_stable_and_does_not_tell_the_machines(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    file.write_text("0123456789abcdef\n")
    first = cpu.uuid("a CPU", files=(tmp_path / "missing", file))
    assert first == cpu.uuid("a CPU", files=(file,))
    assert "0123456789abcdef" not in first
    file.write_text("another\n")
    assert first != cpu.uuid("a CPU", files=(file,))
    assert first != cpu.uuid("another CPU", files=(file,))
    assert cpu.uuid("a CPU", files=()).startswith("CPU-")


def test_the_id_of_a_machine_that_has_one_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "machine-id"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 4 if logical else 2)
    known = hashlib.sha256(b"a CPU|2/4|0123456789abcdef0123456789abcdef").hexdigest()[:32]
    assert cpu.uuid("a CPU", files=(file,)) == f"CPU-{known}"


@pytest.mark.parametrize(
    "text",
    ["", "\n", "uninitialized\n", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
)
def test_a_machine_without_an_id_of_its_own_has_that_of_its_host(tmp_path: Path, text: str) -> None:
    empty, boot_id = tmp_path / "machine-id", tmp_path / "boot_id"
    empty.write_text(text)
    boot_id.write_text("8ab9a4b9-1c5a-4f1e-9d3c-0c1d2e3f4a5b\n")
    files = (tmp_path / "missing", tmp_path, empty, boot_id)  # a folder stands where a mount found no file
    assert cpu.uuid("a CPU", files=files) == cpu.uuid("a CPU", files=(boot_id,)) != cpu.uuid("a CPU", files=())


def test_the_processors_name(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Some CPU @ 2 GHz\n")
    assert cpu.model_name(file) == "Some CPU @ 2 GHz"
    assert cpu.model_name(tmp_path / "missing")


def test_energy_of_the_processor(tmp_path: Path) -> None:
    file = tmp_path / "energy_uj"
    assert cpu.energy_mj(file) == unavailable("unsupported")
    file.write_text("1500000\n")
    assert cpu.energy_mj(file) == 1500.0
    file.write_text("nonsense\n")
    assert why_not(cpu.energy_mj(file)).startswith("error:")


@pytest.mark.parametrize("device", ["tpu", "meta", "cuda:99", "cpu:9"])
def test_a_device_that_is_not_here_is_refused(device: str) -> None:
    with pytest.raises(RequestError, match=device):
        resolve(device)


def test_the_first_processor_is_the_processor() -> None:
    assert resolve("cpu:0") == resolve("cpu") == torch.device("cpu")


def test_auto_takes_what_is_here() -> None:
    assert resolve("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_numbers_of_readings() -> None:
    assert number(3) == 3.0
    assert number(unavailable("no_driver")) is None
    assert number("text") is None


def test_records_of_before_huge_pages_were_read_say_so() -> None:
    document = cpu_record().to_dict()
    del document["huge_pages"]
    assert DeviceRecord.from_dict(document).huge_pages == {"unavailable": "unsupported: not recorded then"}
