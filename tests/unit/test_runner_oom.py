"""Whose memory it was when the kernel killed a container: read from copies of its files, of both versions."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from runners.oom import OomCounter

CONTAINER = "c1" * 32


@dataclass(frozen=True)
class Kernel:
    """The kernel's files of a container in a group of one version."""

    root: Path
    version: int

    def write(self, *, kills: int, own: int, above: int) -> None:
        group = self.group
        group.mkdir(parents=True, exist_ok=True)
        if self.version == 1:
            (group / "memory.oom_control").write_text(f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n")
            (group / "memory.failcnt").write_text(f"{own}\n")
            (group.parent / "memory.failcnt").write_text(f"{above}\n")
        else:
            (group / "memory.events").write_text(f"low 0\nhigh 0\nmax {own}\noom {own}\noom_kill {kills}\n")
            (group.parent / "memory.events.local").write_text(f"low 0\nmax {above}\noom {above}\noom_kill 0\n")

    @property
    def group(self) -> Path:
        return self.root / "groups" / ("memory" if self.version == 1 else "") / "arena" / CONTAINER

    def counter(self, container: str = CONTAINER) -> OomCounter:
        (self.root / "proc/7").mkdir(parents=True)
        lines = {1: f"9:name=systemd:/\n4:memory:/arena/{CONTAINER}\n0::/\n", 2: f"0::/arena/{CONTAINER}\n"}
        (self.root / "proc/7/cgroup").write_text(lines[self.version])
        return OomCounter(7, container, proc=self.root / "proc", groups=self.root / "groups")


@pytest.fixture(params=[1, 2])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Kernel:
    made = Kernel(tmp_path, request.param)
    made.write(kills=0, own=0, above=3)
    return made


def test_a_kill_at_the_containers_own_limit_is_its_own(kernel: Kernel) -> None:
    found = kernel.counter()
    assert not found.has_killed()
    kernel.write(kills=1, own=5, above=3)
    assert found.has_killed()
    assert not found.was_for_others()
    found.close()


def test_a_kill_below_the_containers_own_limit_is_for_others(kernel: Kernel) -> None:
    found = kernel.counter()
    kernel.write(kills=1, own=0, above=4)
    assert found.has_killed()
    assert found.was_for_others()
    found.close()


@pytest.mark.parametrize("which", ["memory", "memory.memsw"])
@pytest.mark.parametrize(("peak", "for_others"), [(50331648, False), (50331648 - (1 << 20), True)])
def test_a_limit_that_was_come_to_uncounted_is_told_by_the_most_that_was_used(
    tmp_path: Path, which: str, peak: int, for_others: bool
) -> None:
    """As with the same limit of 48 MiB for memory, and memory with swap, on Linux 6.18: both counters stay at 0."""
    kernel = Kernel(tmp_path, 1)
    kernel.write(kills=0, own=0, above=3)
    (kernel.group / f"{which}.limit_in_bytes").write_text("50331648\n")
    (kernel.group / f"{which}.max_usage_in_bytes").write_text("4096\n")
    found = kernel.counter()
    kernel.write(kills=1, own=0, above=3)
    (kernel.group / f"{which}.max_usage_in_bytes").write_text(f"{peak}\n")
    assert found.was_for_others() is for_others
    found.close()


@pytest.mark.parametrize(("above", "for_others"), [(3, False), (4, True)])
def test_where_the_group_is_gone_the_group_above_tells(kernel: Kernel, above: int, for_others: bool) -> None:
    found = kernel.counter()
    kernel.write(kills=1, own=0, above=above)
    found.close()  # a file of a group that is gone gives nothing either
    assert not found.has_killed()
    assert found.was_for_others() is for_others


def test_where_no_counter_can_be_read_nothing_is_counted(tmp_path: Path) -> None:
    found = OomCounter(7, CONTAINER, proc=tmp_path)
    assert not found.has_killed()
    assert not found.was_for_others()


def test_the_group_of_another_process_is_not_taken_for_the_containers(kernel: Kernel) -> None:
    found = kernel.counter("another")
    kernel.write(kills=1, own=0, above=9)
    assert not found.has_killed()
    assert not found.was_for_others()
