"""How much memory one forward pass takes, counted from the tensors it makes."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def weights_bytes(network: nn.Module) -> int:
    """Bytes of parameters and buffers; what is shared counts once."""
    storages = [t.untyped_storage() for t in (*network.parameters(), *network.buffers())]
    bytes_by_address: dict[int, int] = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return sum(bytes_by_address.values())


def peak_of_tensors(network: nn.Module, image: Tensor) -> int:
    """The most bytes that tensors made by one forward pass hold at one moment."""
    with _LiveTensors() as live:
        network(image)
    peak_bytes: int = live.peak_bytes
    return peak_bytes


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows every storage that an operation makes until it is freed; views of one storage count once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak_bytes = 0
        self._live_bytes = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._follow(leaf.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self._live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self._live_bytes)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live_bytes -= size
