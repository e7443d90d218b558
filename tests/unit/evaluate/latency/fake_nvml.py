"""A driver that answers as NVML does, or refuses with any of its error codes."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pynvml


class FakeNvml:
    """The functions of NVML that are used, for one GPU.

    Args:
        uuid: The only one that is found.
        init_error: Code that starting the library fails with.
        errors: Code that a function fails with, by its name; ``*`` is every function of a device.
        reasons: Bits of what holds the clocks down.
        answers: What a function answers instead of the default, by its name; an exception is raised.
        missing: Functions that the library does not have.
    """

    def __init__(
        self,
        *,
        uuid: str = "GPU-1",
        init_error: int = 0,
        errors: Mapping[str, int] | None = None,
        reasons: int = 0,
        answers: Mapping[str, Any] | None = None,
        missing: Collection[str] = (),
    ) -> None:
        self._missing = missing
        self._uuid = uuid
        self._init_error = init_error
        self._errors = errors or {}
        self.asked: list[str] = []
        self._answers: dict[str, Any] = {
            "nvmlDeviceGetClockInfo": 1755,
            "nvmlDeviceGetMaxClockInfo": 1980,
            "nvmlDeviceGetTemperature": 41,
            "nvmlDeviceGetPowerUsage": 123_456,
            "nvmlDeviceGetEnforcedPowerLimit": 700_000,
            "nvmlDeviceGetCurrentClocksEventReasons": reasons,
            "nvmlDeviceGetCurrentClocksThrottleReasons": reasons,
            "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=1), SimpleNamespace(pid=2)],
            "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=0, memory=0),
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80_000_000_000, used=1_000_000_000),
            "nvmlDeviceGetEccMode": [1, 1],
            "nvmlDeviceGetMigMode": [0, 0],
            "nvmlDeviceGetPersistenceMode": 1,
            "nvmlDeviceGetComputeMode": 3,
            "nvmlDeviceGetTotalEnergyConsumption": 5_000_000,
        } | dict(answers or {})

    def nvmlInit(self) -> None:  # noqa: N802
        self._check(self._init_error)

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        self._check(self._errors.get("*", 0))
        return "580.95.05"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        self.asked.append(uuid)
        self._check(self._errors.get("nvmlDeviceGetHandleByUUID", 0))
        self._check(0 if uuid == self._uuid else pynvml.NVML_ERROR_NOT_FOUND)
        return "handle"

    def __getattr__(self, function: str) -> Any:
        if function in self._missing:
            raise AttributeError(function)

        def answer(handle: str, *_: object) -> Any:
            assert handle == "handle"
            self._check(self._errors.get(function, self._errors.get("*", 0)))
            if isinstance(found := self._answers[function], Exception):
                raise found
            return found

        return answer

    @staticmethod
    def _check(code: int) -> None:
        if code:
            raise pynvml.NVMLError(code)
