"""What a device is and how it stands now: identity, software, clocks, heat, power, memory, company."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import torch

from nas.errors import RequestError
from nas.evaluate.latency import cpu
from nas.evaluate.latency.nvml import Gpu, positive
from nas.evaluate.latency.readings import Reading, Unavailable, unavailable

_COMPUTE_MODES = {0: "default", 1: "exclusive_thread", 2: "prohibited", 3: "exclusive_process"}
_NO_GPU = unavailable("unsupported: not a GPU")
_SOFTWARE = ("torch", "driver", "cuda", "cudnn", "openmp_wait", "huge_pages")
_NO_CPU = unavailable("unsupported: not a CPU")


@dataclass(frozen=True)
class DeviceRecord:
    """A device at one moment; every field is a value or ``{"unavailable": reason}``, never 0 for what is unknown."""

    uuid: str
    """Identity; latencies of different uuids never mix."""
    name: Reading
    kind: str
    """``cpu`` or ``cuda``."""
    torch: str
    driver: Reading
    cuda: Reading
    cudnn: Reading
    cores: Reading
    """Logical cores this process may use, or multiprocessors of the GPU."""
    threads: Reading
    clock_mhz: Reading
    clock_max_mhz: Reading
    memory_clock_mhz: Reading
    temperature_c: Reading
    power_w: Reading
    power_limit_w: Reading
    event_reasons: Reading
    """What holds the clocks down now, by NVML's names."""
    processes: Reading
    """Processes that compute on the GPU."""
    utilisation_percent: Reading
    memory_total_mb: Reading
    memory_used_mb: Reading
    ecc: Reading
    mig: Reading
    persistence: Reading
    compute_mode: Reading
    governor: Reading
    openmp_wait: Reading
    """How idle OpenMP threads wait; spinning ones make a busy machine many times slower."""
    load: Reading
    """Load average of the host's last minute."""
    huge_pages: Reading = field(default_factory=lambda: unavailable("unsupported: not recorded then"))
    """When the system gives memory in pages of 2 MB."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> DeviceRecord:
        """The record that ``to_dict`` wrote."""
        return cls(**document)

    def software(self) -> dict[str, Reading]:
        """Versions and modes of the software a latency depends on."""
        return {name: getattr(self, name) for name in _SOFTWARE}


def resolve(device: str) -> torch.device:
    """The torch device of a name.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` (the first GPU, else the CPU).

    Raises:
        RequestError: The name is no device, or this machine does not have it.
    """
    if device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise RequestError(f"Unknown device {device!r}; use cpu, cuda, cuda:N or auto.") from None
    if found.type not in ("cpu", "cuda"):
        raise RequestError(f"Latency cannot be measured on {device!r}; use cpu, cuda, cuda:N or auto.")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise RequestError(f"Device {device!r} is not here: torch sees {torch.cuda.device_count()} CUDA devices.")
    if found.type == "cpu" and found.index:
        raise RequestError(f"Device {device!r} is not here: all processors are one device; use cpu.")
    return torch.device("cuda", found.index or 0) if found.type == "cuda" else torch.device("cpu")


def device_record(device: str = "cpu") -> DeviceRecord:
    """Reads a device now.

    Raises:
        RequestError: There is no such device.
    """
    found = resolve(device)
    return cpu_record() if found.type == "cpu" else gpu_record(found)


def cpu_record() -> DeviceRecord:
    """Reads the processor now."""
    name = cpu.model_name()
    return DeviceRecord(
        uuid=cpu.uuid(name), name=name, kind="cpu", torch=torch.__version__,
        driver=_NO_GPU, cuda=_NO_GPU, cudnn=_NO_GPU,
        cores=cpu.usable_cores(), threads=torch.get_num_threads(),
        clock_mhz=cpu.clock_mhz(), clock_max_mhz=cpu.clock_max_mhz(), memory_clock_mhz=_NO_GPU,
        temperature_c=cpu.temperature_c(), power_w=_NO_GPU, power_limit_w=_NO_GPU,
        event_reasons=_NO_GPU, processes=_NO_GPU, utilisation_percent=_NO_GPU,
        memory_total_mb=cpu.memory_total_mb(), memory_used_mb=cpu.memory_used_mb(),
        ecc=_NO_GPU, mig=_NO_GPU, persistence=_NO_GPU, compute_mode=_NO_GPU,
        governor=cpu.governor(), openmp_wait=cpu.openmp_wait(), load=cpu.load(),
        huge_pages=cpu.huge_pages(),
    )  # fmt: skip


def gpu_record(device: torch.device) -> DeviceRecord:
    """Reads a GPU now: identity from CUDA, the rest from NVML."""
    found = torch.cuda.get_device_properties(device)
    uuid = str(found.uuid)
    return read_gpu(
        gpu(uuid),
        computing=torch.cuda.memory_reserved(device) > 0,
        uuid=uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}",
        name=found.name,
        multiprocessors=found.multi_processor_count,
    )


@cache
def gpu(uuid: str) -> Gpu:
    """NVML's view of a GPU, found once: NVML handles stay good for the life of the process."""
    return Gpu(uuid)


def read_gpu(gpu: Gpu, *, uuid: str, name: str, multiprocessors: int, computing: bool = True) -> DeviceRecord:
    """Every reading of a GPU that NVML gives; ``computing`` says whether this process has work there."""
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return DeviceRecord(
        uuid=uuid, name=name, kind="cuda", torch=torch.__version__,
        driver=gpu.driver(),
        cuda=torch.version.cuda or unavailable("unsupported: this torch is built without CUDA"),
        cudnn=cudnn or unavailable("unsupported: this torch is built without cuDNN"),
        cores=multiprocessors, threads=_NO_CPU,
        clock_mhz=gpu.read("nvmlDeviceGetClockInfo", 1, to=positive),
        clock_max_mhz=gpu.read("nvmlDeviceGetMaxClockInfo", 1, to=positive),
        memory_clock_mhz=gpu.read("nvmlDeviceGetClockInfo", 2, to=positive),
        temperature_c=gpu.read("nvmlDeviceGetTemperature", 0, to=positive),
        power_w=gpu.read("nvmlDeviceGetPowerUsage", to=_thousandth),
        power_limit_w=gpu.read("nvmlDeviceGetEnforcedPowerLimit", to=_thousandth),
        event_reasons=gpu.event_reasons(), processes=gpu.processes(computing=computing),
        utilisation_percent=gpu.read("nvmlDeviceGetUtilizationRates", part="gpu", to=int),
        memory_total_mb=gpu.read("nvmlDeviceGetMemoryInfo", part="total", to=_megabytes),
        memory_used_mb=gpu.read("nvmlDeviceGetMemoryInfo", part="used", to=_megabytes),
        ecc=gpu.read("nvmlDeviceGetEccMode", to=lambda modes: bool(modes[0])),
        mig=gpu.read("nvmlDeviceGetMigMode", to=lambda modes: bool(modes[0])),
        persistence=gpu.read("nvmlDeviceGetPersistenceMode", to=bool),
        compute_mode=gpu.read("nvmlDeviceGetComputeMode", to=_compute_mode),
        governor=_NO_CPU, openmp_wait=_NO_CPU, load=cpu.load(), huge_pages=_NO_CPU,
    )  # fmt: skip


def _thousandth(answer: int) -> float | None:
    return answer / 1e3 if answer > 0 else None


def _megabytes(answer: int) -> float | None:
    return answer / 1e6 if answer > 0 else None


def _compute_mode(mode: int) -> str:
    if mode not in _COMPUTE_MODES:
        raise ValueError(f"unknown compute mode {mode}")
    return _COMPUTE_MODES[mode]


def energy_mj(device: torch.device) -> float | Unavailable:
    """The device's energy counter in millijoules; the difference of two readings is energy spent."""
    if device.type == "cpu":
        return cpu.energy_mj()
    return gpu(str(torch.cuda.get_device_properties(device).uuid)).energy_mj()
