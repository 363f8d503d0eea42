"""The process in which files that algorithms leave are examined: frames on stdin, one line of JSON for each on stdout.

It holds itself to limits before it reads the first byte, and begins each file with a fresh allowance of time, as far as
that of all files reaches. A file that goes beyond them ends the process; the line that is missing then says which one
it was.
"""

from __future__ import annotations

import json
import resource
import signal
import sys

from arena.evaluation.output_forms import examine
from arena.evaluation.output_kinds import FRAME, READY, OutputKind

_LINES_BYTES = 1 << 20
_FILES_OPEN = 32


def main() -> None:
    """Examine what stands on stdin. Arguments: address space in MiB, seconds for each file, seconds for all."""
    memory_mib, seconds, total = map(int, sys.argv[1:4])
    _confine(memory_mib)
    kinds = tuple(OutputKind)
    sys.stdout.write(READY.decode() + "\n")
    sys.stdout.flush()
    while header := sys.stdin.buffer.read(FRAME.size):
        kind, size = FRAME.unpack(header)
        _allow(seconds, total)
        found = examine(sys.stdin.buffer.read(size), kinds[kind])
        sys.stdout.write(json.dumps([found.defect, found.items]) + "\n")
        sys.stdout.flush()


def _confine(memory_mib: int) -> None:
    """Bound memory, what can be written, and descriptors; no core file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LINES_BYTES, _LINES_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_OPEN, _FILES_OPEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow(seconds: int, total: int) -> None:
    """Give the next file its time: of the processor by the soft limit, of the wall by an alarm; both kill."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = min(int(used.ru_utime + used.ru_stime) + seconds, total) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.alarm(3 * seconds)


if __name__ == "__main__":
    main()
