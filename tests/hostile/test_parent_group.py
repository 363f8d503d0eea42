"""A limit for all containers together, above each one's own: it holds, on both runtimes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from runners.attach import Line
from runners.engine import Engine
from runners.execute import Host
from runners.faults import HostOutOfMemory, SandboxRefused
from runners.parent import Together
from runners.policy import SandboxPolicy
from runners.values import Isolation
from tests.hostile.surroundings import Bench
from tests.hostile.trying import LIMITS, ask, trying

pytestmark = pytest.mark.engine

PARENT = "/arena-test-parent"
GROUPS = Path("/sys/fs/cgroup")
EATER = """
import os, sys
print("ready", flush=True)
held = []
for line in sys.stdin:
    held.append([os.urandom(4096) * 256 for _ in range(int(line))])
    print(int(line), flush=True)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, Engine(), "test-parent")
    yield bench
    assert bench.left_behind() == []
    bench.engine.close()
    for group in (*GROUPS.glob(f"*{PARENT}"), GROUPS / PARENT.strip("/")):
        with suppress(FileNotFoundError):
            group.rmdir()


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_one_container_may_have_less_than_its_own_limit_where_all_have_too_little(bench: Bench, runtime: str) -> None:
    isolation = Isolation.STANDARD
    host: Host = replace(bench.host, runtime=runtime, cgroup_parent=PARENT, together=Together(memory_mib=96, pids=2000))
    known = host.runtime_for(isolation)
    policy = SandboxPolicy(
        replace(LIMITS, memory_mib=512), runtime=runtime, gvisor=known.gvisor, cgroup_parent=host.parent_under(known)
    )
    with trying(host, bench.root / "in", EATER, policy=policy) as box:
        assert ask(box, 16) == 16
        assert box.conversation.open_line(64) is not None
        box.conversation.send(b"200\n", 10.0)
        assert not isinstance(box.conversation.next_event(60.0), Line), "200 MiB were had under a common limit of 96"
        # It is killed far below its own limit, so nobody charges it: the kernel's counters tell. gVisor may end by itself.
        if known.gvisor:
            with suppress(HostOutOfMemory):
                assert box.end(20.0).exit_code not in (None, 0)
        else:
            with pytest.raises(HostOutOfMemory):
                box.end(20.0)
    # The guard removed: without the common limit the same container may.
    free = replace(policy, cgroup_parent=None)
    with trying(host, bench.root / "in", EATER, policy=free) as box:
        assert ask(box, 200) == 200


def test_a_common_limit_without_a_common_group_is_refused(bench: Bench) -> None:
    host = replace(bench.host, together=Together(pids=2000))
    with pytest.raises(SandboxRefused, match="ARENA_CGROUP_PARENT"):
        host.parent_under(host.runtime_for(Isolation.STANDARD))
