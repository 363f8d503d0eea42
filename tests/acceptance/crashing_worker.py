"""A worker that kills itself with SIGKILL at the n-th occurrence of a step, `crashing_worker.py STEP N`, or reports it."""

from __future__ import annotations

import os
import signal
import sys

from arena.settings import Settings
from arena.wiring import open_host
from arena.worker import Worker
from runners.protocol import Observe, unobserved


class Killer:
    """Counts a step and ends the process at its n-th occurrence."""

    def __init__(self, step: str, occurrence: int) -> None:
        self.step, self.left = step, occurrence

    def __call__(self, step: str, _name: str) -> None:
        if step == self.step:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Reporter:
    """Prints each occurrence of a step."""

    def __init__(self, step: str) -> None:
        self.step = step

    def __call__(self, step: str, name: str) -> None:
        if step == self.step:
            sys.stdout.write(f"{step} {name}\n")
            sys.stdout.flush()


def observer(arguments: list[str]) -> Observe:
    """Read the command line."""
    if not arguments:
        return unobserved
    step, occurrence = arguments
    return Reporter(step) if occurrence == "report" else Killer(step, int(occurrence))


if __name__ == "__main__":
    Worker(open_host(Settings()), observe=observer(sys.argv[1:])).run_until_idle()
