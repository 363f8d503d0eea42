"""A worker that kills itself with SIGKILL at the n-th occurrence of a step: `crashing_worker.py STEP N`."""

from __future__ import annotations

import os
import signal
import sys

from arena.settings import Settings
from arena.wiring import open_host
from arena.worker import Worker


class Killer:
    """Counts a step and ends the process at its n-th occurrence."""

    def __init__(self, step: str, occurrence: int) -> None:
        self.step, self.left = step, occurrence

    def __call__(self, step: str, _name: str) -> None:
        if step == self.step:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    step, occurrence = (sys.argv[1], int(sys.argv[2])) if len(sys.argv) == 3 else ("never", 1)
    Worker(open_host(Settings()), observe=Killer(step, occurrence)).run_until_idle()
