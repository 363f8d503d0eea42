"""Hostile bytes read in a process of their own, whose memory the system measures.

A peak of the test's own process says nothing: any earlier test may have raised it above what this one uses.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_READ = """
import re, sys
from io import BytesIO
from pathlib import Path
content = sys.stdin.buffer.read()
{setup}

def peak():
    # Not getrusage: its peak is inherited from the process that starts this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

Path("/proc/self/clear_refs").write_text("5")  # the peak of taking the bytes in must not hide that of reading them
before = peak()
try:
    {call}
    print("read", end=" ")
except {error}:
    print("refused", end=" ")
print((peak() - before) // 1024)
"""


def reader(setup: str, call: str, error: str) -> str:
    """Return a program that calls a reader on `content`, in which that error is the reader's refusal."""
    return _READ.format(setup=setup, call=call, error=error)


def read_apart(program: str, content: bytes) -> tuple[str, int]:
    """Read bytes in another process; return what came of it and by how many MiB its memory grew."""
    done = subprocess.run(
        [sys.executable, "-c", program], input=content, capture_output=True, check=True, timeout=120,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    said, grown = done.stdout.decode().split()
    return said, int(grown)
