"""What this process computes on: cores, threads, an accelerator, instruction sets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Sums come in one order, and every array library takes code that all x86-64 processors with AVX2
# share (AMD and Intel, old and new), so that a result has the same bits on each. To be set before a
# process starts, for the libraries read them when they are loaded.
ONE_ORDER = {
    "OMP_NUM_THREADS": "1",  # models set their own thread count
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",  # numpy's exp, log, sorting of ties
    "OPENBLAS_CORETYPE": "Haswell",  # numpy, scipy, scikit-learn
}
# torch: its own kernels, oneDNN's (convolutions) and MKL's (products of matrices). MKL_CBWR=AVX2
# would be faster, and the same among Intel's processors only.
EXACT_TORCH = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
}


def environment(exact: bool = True) -> dict[str, str]:
    """Environment variables of a process that trains models.

    Parameters
    ----------
    exact : bool
        Whether torch gives the same bits on every processor, too. Without it networks train 3-5
        times as fast, and their last digits depend on the processor.
    """
    return ONE_ORDER | (EXACT_TORCH if exact else {})


def is_exact() -> bool:
    """Whether torch gives the same bits here as on another processor."""
    return all(os.environ.get(name) == value for name, value in EXACT_TORCH.items())


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device():
    """The accelerator where there is one, else the CPU: a torch.device."""
    import torch  # takes seconds, which readers of files need not wait for

    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":  # for `make lab`, whose kernels start in this environment
    print(*(f"{name}={value}" for name, value in environment().items()))
