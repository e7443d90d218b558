"""Readings of an NVIDIA GPU through NVML; every refusal of the driver becomes a reason."""

from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from nas.evaluate.latency.readings import Reading, Unavailable, Value, unavailable

T = TypeVar("T")

_NO_DRIVER = (
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_UNINITIALIZED,
)
_UNSUPPORTED = (
    pynvml.NVML_ERROR_NOT_SUPPORTED,
    pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
    pynvml.NVML_ERROR_DEPRECATED,
    pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
)
_NOT_AVAILABLE = (-1, 2**32 - 1, 2**64 - 1)
"""How NVML spells "not available" in an unsigned field (``NVML_VALUE_NOT_AVAILABLE``)."""

_FAULTS = (pynvml.NVMLError, AttributeError, TypeError, ValueError, LookupError, ArithmeticError, OSError)
"""What a question may raise: a refusal, a library that is gone or too old, an answer that nobody foresaw."""

SLOWDOWNS = {
    "hw_slowdown": 0x8,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "sw_thermal_slowdown": 0x20,
}
"""Event reasons that make a timing worthless, by NVML's bit."""

EVENT_REASONS = SLOWDOWNS | {
    "gpu_idle": 0x1,
    "applications_clocks_setting": 0x2,
    "sw_power_cap": 0x4,
    "sync_boost": 0x10,
    "display_clock_setting": 0x100,
}


def reason_of(error: Exception) -> str:
    """Why NVML did not answer, in one word where there is one."""
    if not isinstance(error, pynvml.NVMLError):
        return f"error: {type(error).__name__}: {error}"
    if error.value == pynvml.NVML_ERROR_NO_PERMISSION:
        return "no_permission"
    if error.value in _NO_DRIVER:
        return "no_driver"
    if error.value in _UNSUPPORTED:
        return "unsupported"
    return f"error: {error}"


class Gpu:
    """One GPU of NVML, found by its UUID because NVML does not follow ``CUDA_VISIBLE_DEVICES``.

    Args:
        uuid: As CUDA reports it, with or without the prefix ``GPU-`` or ``MIG-``.
        library: The module ``pynvml`` or something with its functions.
    """

    def __init__(self, uuid: str, library: Any = pynvml) -> None:
        self._nvml = library
        self._handle: Any = None
        self._refusal = ""
        try:
            library.nvmlInit()
            self._handle = self._find(uuid)
        except _FAULTS as error:
            self._refusal = reason_of(error)

    def _find(self, uuid: str) -> Any:
        names = [uuid] if uuid.startswith(("GPU-", "MIG-")) else [f"GPU-{uuid}", f"MIG-{uuid}"]
        for name in names[:-1]:
            try:
                return self._nvml.nvmlDeviceGetHandleByUUID(name)
            except (pynvml.NVMLError_NotFound, pynvml.NVMLError_InvalidArgument):
                continue
        return self._nvml.nvmlDeviceGetHandleByUUID(names[-1])

    def ask(self, function: str, *arguments: object) -> Any:
        """What NVML's ``function`` answers for this GPU; raises NVMLError."""
        return getattr(self._nvml, function)(self._handle, *arguments)

    def read(self, function: str, *arguments: object, to: Callable[[Any], Value | None], part: str = "") -> Reading:
        """What ``function`` answers, made a value.

        Args:
            function: Its name.
            arguments: What it takes beside the GPU.
            to: Makes a value of the answer; None is for a 0 where 0 cannot be.
            part: The field of the answer to take.
        """
        if self._refusal:
            return unavailable(self._refusal)
        if not hasattr(self._nvml, function):
            return unavailable("unsupported")
        try:
            answer = self.ask(function, *arguments)
            return _value(getattr(answer, part) if part else answer, to)
        except _FAULTS as error:
            return unavailable(reason_of(error))

    def driver(self) -> Reading:
        """Version of the driver."""
        if self._refusal:
            return unavailable(self._refusal)
        try:
            return _text(self._nvml.nvmlSystemGetDriverVersion())
        except _FAULTS as error:
            return unavailable(reason_of(error))

    def event_reasons(self) -> Reading:
        """Names of what holds the clocks down now; asks by the old name where the driver knows only that."""
        reading = self.read("nvmlDeviceGetCurrentClocksEventReasons", to=_reasons)
        if reading != unavailable("unsupported"):
            return reading
        return self.read("nvmlDeviceGetCurrentClocksThrottleReasons", to=_reasons)

    def processes(self, *, computing: bool = True) -> Reading:
        """How many processes compute on this GPU; their ids may be another namespace's, so only the count counts.

        Args:
            computing: Does this process compute there? Then the driver cannot see who does where it sees nobody.
        """
        found = self.read("nvmlDeviceGetComputeRunningProcesses", to=len)
        if found == 0 and computing:
            return unavailable("error: it reported 0 though this process computes there")
        return found

    def energy_mj(self) -> float | Unavailable:
        """Energy since the driver was loaded, in millijoules."""
        reading = self.read("nvmlDeviceGetTotalEnergyConsumption", to=positive)
        return reading if isinstance(reading, dict) else float(reading)  # type: ignore[arg-type]


def _value(answer: Any, to: Callable[[Any], Value | None]) -> Reading:
    if answer is None:
        return unavailable("error: it reported nothing")
    if isinstance(answer, int) and answer in _NOT_AVAILABLE:
        return unavailable("unsupported")
    value = to(answer)
    return unavailable("error: it reported 0") if value is None else value


def positive(answer: float) -> Value | None:
    """The answer, unless it is 0 where 0 cannot be."""
    return answer if answer > 0 else None


def _reasons(bits: int) -> Value:
    return [name for name, bit in EVENT_REASONS.items() if bits & bit]


def _text(answer: str | bytes) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer
