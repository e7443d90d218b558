"""Small networks, good and bad, that upscale by 4."""

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn


def upscaler(width: int = 8, layers: int = 2) -> nn.Module:
    """A plain chain of convolutions."""
    body = [m for _ in range(layers) for m in (nn.Conv2d(width, width, 3, padding=1), nn.ReLU())]
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), *body, nn.Conv2d(width, 48, 3, padding=1), nn.PixelShuffle(4)
    )


class Nan(nn.Module):
    """Divides 0 by 0."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=4) * (x.new_zeros(()) / 0)


class Hungry(nn.Module):
    """Asks for more memory than there is."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.empty(2**46, device=x.device)


class Grows(nn.Module):
    """Takes a little more memory again and again, until there is none."""

    def forward(self, x: Tensor) -> Tensor:
        used, (soft, hard) = psutil.Process().memory_info().vms, resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, hard))
        try:
            kept = [x]
            while True:
                kept.append(torch.empty(2**22))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Broken(nn.Module):
    """Its shapes do not fit, from a certain image size on."""

    def __init__(self, most_pixels: int = 0) -> None:
        super().__init__()
        self.most_pixels = most_pixels

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] * x.shape[3] > self.most_pixels:
            raise KeyError("no such feature")
        return nn.functional.interpolate(x, scale_factor=4)


class NoImage(nn.Module):
    """Returns a tuple."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class BreaksLater(nn.Module):
    """Works until it has been called a few times."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    def forward(self, x: Tensor) -> Tensor:
        self.calls -= 1
        if self.calls < 0:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nMore lines")
        return nn.functional.interpolate(x, scale_factor=4)


class Sleeper(nn.Module):
    """Never returns."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(3600)
        return x


class Killed(nn.Module):
    """Ends its process by a signal, usually as the kernel does when memory runs out."""

    def __init__(self, by: int = signal.SIGKILL) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        os.kill(os.getpid(), self.by)
        return x


def _sleeping_fork(*, own_session: bool) -> int:
    pid = os.fork()
    if pid == 0:
        if own_session:
            os.setsid()
        time.sleep(3600)
        os._exit(0)
    return pid


class Tells(nn.Module):
    """Starts processes that live long, writes their ids and its own into a named file, and never returns."""

    VARIABLE = "NAS_TEST_TELL"

    def forward(self, x: Tensor) -> Tensor:
        forks = [_sleeping_fork(own_session=False), _sleeping_fork(own_session=True)]
        started = subprocess.Popen(["sleep", "3600"], close_fds=False, start_new_session=True)
        Path(os.environ[self.VARIABLE]).write_text(f"{os.getpid()} {forks[0]} {forks[1]} {started.pid}")
        time.sleep(3600)
        return x


class KilledAfterFork(nn.Module):
    """Leaves a process behind."""

    def forward(self, x: Tensor) -> Tensor:
        _sleeping_fork(own_session=False)
        os.kill(os.getpid(), signal.SIGKILL)
        return x


class Scrambled(nn.Module):
    """Gives other values when it is exported."""

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(x, scale_factor=4)
        return x + 1.0 if torch.onnx.is_in_onnx_export() else x


class Waits(nn.Module):
    """Needs a value of the device on the host, which no CUDA graph can give."""

    def forward(self, x: Tensor) -> Tensor:
        if float(x.sum()) < 0:
            return x
        return nn.functional.interpolate(x, scale_factor=4)


class Crops(nn.Module):
    """Loses a column of images of one height."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.height = height

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.interpolate(x, scale_factor=4)
        return y[..., :-1] if x.shape[2] == self.height else y


class NoTensor(nn.Module):
    """Returns a number."""

    def forward(self, x: Tensor) -> float:
        return float(x.sum())
