"""What this process may compute on: cores, and an accelerator."""

import os


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device():
    """The accelerator where there is one, else the CPU: a torch.device."""
    import torch  # takes seconds, which readers of files need not wait for

    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
