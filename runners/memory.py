"""How much memory containers may use together, and whether what is asked for fits.

A container's control group is charged with all that its processes use, its file systems in memory (`/tmp`, `/dev/shm`,
`/output`) among it: `memory_mib` bounds them together, and nothing of them has to be added. Beside it stands the holder
of its `/output`. Limits are promises: while they come to more than there is, one container can take what another was
promised, and the kernel chooses which of them dies.
"""

from __future__ import annotations

from pathlib import Path

from runners.faults import EngineRefused
from runners.modes import output_space
from runners.output import HOLDER_MIB
from runners.parent import Together
from runners.values import AttemptSpec

HOSTS_MIB = 512
"""What is left to the worker, the engine and the kernel where no common limit says how much containers may have."""
_MEMINFO = Path("/proc/meminfo")
_KIB_PER_MIB = 1024


def needed_mib(spec: AttemptSpec) -> int:
    """Return what an attempt may use at a time, in MiB."""
    return spec.limits.memory_mib + (0 if output_space(spec) is None else HOLDER_MIB)


def capacity_mib(together: Together, *, meminfo: Path = _MEMINFO) -> int:
    """Return what all containers may use together, in MiB: their common limit, or what this machine has for them."""
    total = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemTotal:"))
    machines = int(total.split()[1]) // _KIB_PER_MIB - HOSTS_MIB
    return machines if together.memory_mib is None else min(together.memory_mib, machines)


def refuse_too_large(spec: AttemptSpec, together: Together, *, meminfo: Path = _MEMINFO) -> None:
    """Refuse an attempt that does not even fit alone.

    Raises:
        EngineRefused: It may use more than there is; the message says how much of each, and what to do.
    """
    needed, capacity = needed_mib(spec), capacity_mib(together, meminfo=meminfo)
    if needed > capacity:
        limit = "ARENA_CGROUP_MEMORY_MIB" if together.memory_mib == capacity else f"this machine less {HOSTS_MIB} MiB"
        action = f"promise a container {needed} MiB"
        step = (
            "run on a machine with more memory, or raise that limit, or lower `memory_mib` in a new challenge version"
        )
        raise EngineRefused(action, None, f"all of them together have {capacity} MiB ({limit}): {step}")
