"""A whole training step as one CUDA graph: no kernel of it is launched from Python any more."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nas.evaluate.quality.stage import Stage

WARM_UP_STEPS = 3
"""Steps taken kernel by kernel before the capture, for libraries to choose and optimizers to make their state."""

CAPTURABLE = frozenset({"adam", "adamw", "nadam", "radam", "adamax", "rmsprop", "adadelta"})

Note = Callable[[str], Any]
Step = Callable[[Tensor, Tensor], Tensor]
Capture = Callable[[Callable[[], Tensor]], tuple[Callable[[], object], Tensor]]
"""Records a function of tensors that stay in place; returns what runs it again, and its result, in place as well."""


def why_not(stage: Stage, device: torch.device) -> str | None:
    """Why the steps of a stage cannot be captured, or None where they can."""
    if device.type != "cuda":
        return f"the device is {device.type}"
    if stage.optimizer.kind not in CAPTURABLE:
        return f"{stage.optimizer.kind} keeps its state on the host"
    if stage.precision == "fp16":
        return "the scale of fp16 losses is decided on the host"
    return None


class Replayed:
    """A step that is captured after a few runs and replayed from then on, or runs as it is where that fails.

    Args:
        step: Takes a batch to its loss and changes the weights.
        note: Told where the capture failed.
        capture: How to capture; CUDA's way by default.
    """

    def __init__(self, step: Step, note: Note, capture: Capture | None = None) -> None:
        self._step, self._note = step, note
        self._capture = capture or captured
        self._runs = 0
        self._failed = False
        self._recording: tuple[tuple[Tensor, Tensor], Callable[[], object], Tensor] | None = None

    def __call__(self, lr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
        """Take one step and return its loss."""
        if self._runs >= WARM_UP_STEPS and self._recording is None and not self._failed:
            self._record(lr_bchw.clone(), hr_bchw.clone())
        self._runs += 1
        if self._recording is None:
            return beside(self._step, lr_bchw, hr_bchw)
        places, replay, loss = self._recording
        for place, image in zip(places, (lr_bchw, hr_bchw), strict=True):
            place.copy_(image)
        replay()
        return loss.clone()

    def _record(self, lr_bchw: Tensor, hr_bchw: Tensor) -> None:
        try:
            replay, loss = self._capture(lambda: self._step(lr_bchw, hr_bchw))
        except RuntimeError as error:
            self._failed = True
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            self._note(f"Steps are launched kernel by kernel: they cannot be captured as a CUDA graph ({first}).")
        else:
            self._recording = (lr_bchw, hr_bchw), replay, loss


def beside(step: Step, lr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """Run a step on a stream of its own, so that what autograd remembers of streams does not forbid a capture."""
    if lr_bchw.device.type != "cuda":
        return step(lr_bchw, hr_bchw)
    stream = _stream(lr_bchw.device)
    stream.wait_stream(torch.cuda.current_stream(lr_bchw.device))
    with torch.cuda.stream(stream):
        loss = step(lr_bchw, hr_bchw)
    torch.cuda.current_stream(lr_bchw.device).wait_stream(stream)
    return loss


_streams: dict[torch.device, torch.cuda.Stream] = {}


def _stream(device: torch.device) -> torch.cuda.Stream:
    if device not in _streams:
        _streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return _streams[device]


def captured(run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    """Record ``run`` as a CUDA graph, without running it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = run()
    return graph.replay, loss
