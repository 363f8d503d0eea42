"""What /proc tells a container of its host: what is named in docs/sandbox.md, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.engine import Engine
from runners.policy import SandboxPolicy
from runners.values import Isolation
from tests.hostile.surroundings import Bench
from tests.hostile.trying import LIMITS, ask, trying

pytestmark = pytest.mark.engine

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
TELLS_OF_LOAD = frozenset({"cgroups", "cpuinfo", "meminfo", "stat", "uptime"})
TELLS_OF_THE_KERNEL = frozenset({"config.gz", "devices", "filesystems", "modules", "version"})
# The same for every container of a kernel, its own, or of a device that none has.
SAYS_NOTHING = frozenset({
    "bootconfig", "consoles", "crypto", "dma", "execdomains", "fb", "iomem", "ioports", "mdstat", "misc", "mounts", "mtrr",
})  # fmt: skip
COUNTERS = ("aio-nr", "dentry-state", "file-nr", "inode-nr", "inode-state")
LOOKS = """
import json, os, sys
print("ready", flush=True)
def told(path):
    try:
        with open(path, "rb") as file:
            return bool(file.read(64))
    except OSError:
        return False
for line in sys.stdin:
    files = [e.name for e in os.scandir("/proc") if not e.name.isdigit() and not e.is_dir() and told(e.path)]
    for folder in json.loads(line):
        files += [os.path.join(folder, name) for name in os.listdir(folder) if told(os.path.join(folder, name))]
    print(json.dumps(sorted(files)), flush=True)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, Engine(), "test-masked")
    yield bench
    assert bench.left_behind() == []
    bench.engine.close()


def test_what_tells_of_the_host_is_masked_or_named(bench: Bench) -> None:
    runtime = bench.host.runtime_for(Isolation.STANDARD)
    policy = SandboxPolicy(LIMITS, runtime=runtime.name)
    with trying(bench.host, bench.root / "in", LOOKS, policy=policy) as box:
        found = set(ask(box, ["/proc/sys/fs"]))
        pressure = ask(box, ["/proc/pressure"]) if Path("/proc/pressure").is_dir() else []
    assert found >= TELLS_OF_LOAD, "what run times read to find out how large they may be"
    top = {name for name in found if not name.startswith("/")}
    assert top <= TELLS_OF_LOAD | TELLS_OF_THE_KERNEL | SAYS_NOTHING
    assert not {f"/proc/sys/fs/{name}" for name in COUNTERS} & found
    assert not [name for name in pressure if name.startswith("/proc/pressure")]


def test_what_is_not_masked_is_named_in_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in TELLS_OF_LOAD | TELLS_OF_THE_KERNEL if f"`/proc/{name}`" not in text] == []
