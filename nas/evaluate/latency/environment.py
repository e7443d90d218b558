"""What surrounds a process that measures, and changes how fast it computes: cores, instruction set, variables."""

import os
import platform
from collections.abc import Mapping
from typing import Any

import torch

from nas.evaluate.latency.cpu import usable_cores
from nas.evaluate.latency.heap import with_huge_pages

_ANYWHERE = ("LD_PRELOAD", "TORCHINDUCTOR_FREEZING", "TORCHINDUCTOR_MAX_AUTOTUNE")

_ON_CPU = (
    *_ANYWHERE,
    "ATEN_CPU_CAPABILITY",
    "DNNL_CPU_ISA_HINTS", "DNNL_DEFAULT_FPMATH_MODE", "DNNL_MAX_CPU_ISA",
    "GLIBC_TUNABLES", "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT",
    "KMP_AFFINITY", "KMP_BLOCKTIME", "KMP_HW_SUBSET", "KMP_LIBRARY",
    "MKL_CBWR", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS",
    "OMP_DYNAMIC", "OMP_PLACES", "OMP_PROC_BIND", "OMP_SCHEDULE", "OMP_WAIT_POLICY",
    "ONEDNN_CPU_ISA_HINTS", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA",
)  # fmt: skip

_ON_CUDA = (
    *_ANYWHERE,
    "CUBLASLT_WORKSPACE_SIZE", "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_FORCE_PTX_JIT", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING",
    "NVIDIA_TF32_OVERRIDE",
    "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_BLAS_PREFER_CUBLASLT", "TORCH_CUDNN_V8_API_DISABLED",
    "TORCH_CUDNN_V8_API_LRU_CACHE_LIMIT",
)  # fmt: skip


def platform_of(kind: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a latency on this kind of device depends on beside device, software and settings; part of its key.

    Args:
        kind: ``cpu`` or ``cuda``.
        environment: Variables of the process that asks, None for this one's. The process that measures starts with
            them and asks for huge pages.
    """
    seen = with_huge_pages(os.environ if environment is None else environment)
    names = _ON_CPU if kind == "cpu" else _ON_CUDA
    found: dict[str, Any] = {"variables": {name: seen[name] for name in names if seen.get(name)}}
    if kind == "cpu":
        found |= {"cores": usable_cores(), "capability": torch.backends.cpu.get_cpu_capability()}
    return found


def system() -> str:
    """Operating system, its kernel and the kind of processor."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"
