"""Where a training runs, and on how many processor threads."""

from __future__ import annotations

import torch

from ensue.errors import UsageError


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is a CUDA device where there is one, and the processor otherwise.

    Raises `UsageError` for one that cannot be used here.
    """
    if name != "auto":
        try:
            device = torch.device(name)
            torch.zeros(1, device=device).item()  # "meta" has no numbers
        except (RuntimeError, AssertionError) as error:
            raise UsageError(
                f"device is '{name}', which PyTorch cannot use here: give --device cpu, or install a build that can."
            ) from error
        return device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class threads:
    """PyTorch's thread count within a block: one unless asked for more.

    A step of a small network is a thousand short products. Several threads gain little on an idle machine, and wait for
    each other at every product on a busy one.
    """

    def __init__(self, count: int | None) -> None:
        self.count = count or 1

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(self.count)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.before)
