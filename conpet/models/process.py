"""What a process is set to, so that equal settings give equal bits: threads, algorithms, memory.

A job sets its own process once (:func:`prepare_process`). A library sets its caller's for as long
as it computes (:func:`computing`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from conpet.config.settings import Compute
from conpet.models.allocation import keep_freed_memory
from conpet.temporary import check_place

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # cuBLAS repeats its bits only with a fixed workspace


def prepare_process(compute: Compute) -> None:
    """Set this process for good: what a job calls once, before it makes a backbone."""
    check_place()
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    _set(compute.threads, deterministic=True, warn_only=False, fill=False)
    _set_products("highest", coarse=False)
    _limit_blas(compute.threads)
    keep_freed_memory()


@contextmanager
def computing(compute: Compute) -> Iterator[None]:
    """Set threads and algorithms for a block, then put back what the caller had.

    All of it belongs to the whole process: blocks that overlap in several threads may put back
    what another has set.
    """
    check_place()
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill: bool = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    workspace, dtype = os.environ.get(_WORKSPACE), torch.get_default_dtype()
    precision = torch.get_float32_matmul_precision()
    coarse = torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction
    os.environ.setdefault(_WORKSPACE, ":4096:8")
    put_back = _limit_blas(compute.threads)
    try:
        _set(compute.threads, deterministic=True, warn_only=False, fill=False)
        torch.set_default_dtype(torch.float32)
        _set_products("highest", coarse=False)
        yield
    finally:
        put_back()
        torch.set_default_dtype(dtype)
        _set_products(precision, coarse)
        _set(threads, deterministic, warn_only, fill)
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)


def _limit_blas(threads: int) -> Callable[[], None]:
    """Set the threads of numpy and scipy, which fit heads; return what puts them back.

    Torch's setting is torch's alone. Where nothing is fitted, as in ``benchmarks gpu``, there may
    be no scikit-learn, and with it what sets them.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return lambda: None
    put_back: Callable[[], None]
    put_back = threadpool_limits(threads, user_api="blas").restore_original_limits
    return put_back


def _set_products(float32: str, coarse: bool) -> None:
    """Set how products are summed: float32 in float32, on a card bfloat16 in float32 too."""
    torch.set_float32_matmul_precision(float32)
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = coarse


def _set(threads: int, deterministic: bool, warn_only: bool, fill: bool) -> None:
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
    # nothing reads memory that was not written: filling it first takes time and changes no bit
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
