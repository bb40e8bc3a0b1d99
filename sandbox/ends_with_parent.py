"""Become another program that ends with its parent: ``python -m sandbox.ends_with_parent PID PROGRAM …``.

A sandbox that is killed with -9 cannot stop its bot any more; on Linux the kernel does it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>; it outlives exec.


def main(parent: int, program: list[str]) -> None:
    """Does not return. ``parent`` is the pid that must still be ours: it may be gone before the kernel knows."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - what our own parent starts


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
