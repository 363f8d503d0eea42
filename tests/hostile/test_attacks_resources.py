"""Attacks 1 to 6, 8, 9, 12 and 33: what a container may use of the host's processes, memory, files and CPUs."""

# ruff: noqa: S108 - the paths are those inside a container

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.corpus import Witness, witness
from tests.hostile.stand import HONEST, LIMITS, Played, Stand, stand

__all__ = ["stand", "witness"]
pytestmark = pytest.mark.engine

MIB = 1 << 20
GVISORS_PIDS = 1024
ROOMY = "rw,noexec,nosuid,nodev,size=64m,mode=1777"
OUT_OF_MEMORY = ("out_of_memory", "out_of_memory")


def attack(name: str, **given: Any) -> dict[str, Any]:
    return {"attack": name, **given}


def the_next_is_well(played: Played) -> None:
    """The honest case behind the attack is answered, and the host has none of the containers' processes."""
    assert (played.cases[-1].ending, played.cases[-1].saw) == (("ok", None), "well")
    assert played.watch.alive() == set()


def without_fsize(ulimits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave the size of files unlimited."""
    return [each for each in ulimits if each["Name"] != "fsize"]


def within_memory(played: Played, mib: int) -> None:
    """The kernel has counted no more than the limit; it may be over by what it counts in batches."""
    assert played.watch.most(lambda sight: sight.memory) <= (mib + 1) * MIB


def test_attack_01_fork_bomb(stand: Stand, witness: Witness) -> None:
    roomy = replace(LIMITS, memory_mib=512)
    children = 40 if stand.gvisor else 100
    with stand.loose(limits=roomy, PidsLimit=0) as loose:
        assert loose.ask("fork", count=children)["made"] == children
        assert loose.sight.tasks > 100
    if stand.gvisor:  # whose own threads count as well, so that the sandbox gives it 1,024: the same at a lower limit
        with stand.loose(limits=roomy, PidsLimit=100) as loose:
            assert loose.ask("fork", count=children) is None
            assert loose.sight.tasks <= 100
    witness.without_guard("a hundred tasks of the host and more, as many as it asks for")
    played = stand.play(attack("bomb"), HONEST, case_seconds=3.0, memory_mib=512 if stand.gvisor else 128)
    limit = GVISORS_PIDS if stand.gvisor else LIMITS.pids
    assert played.watch.most(lambda sight: sight.tasks) <= limit
    outcome = played.cases[0].outcome
    assert outcome in ({"timed_out", "crashed", "out_of_memory"} if stand.gvisor else {"timed_out"})
    the_next_is_well(played)
    if stand.gvisor:
        witness.with_guard("gVisor: its own kernel ends at the limit of pids or of memory: crashed or out_of_memory")
    else:
        witness.with_guard("runc: no process beyond the limit of pids; ended by the case's time: timed_out")


def test_attack_02_thousands_of_threads(stand: Stand, witness: Witness) -> None:
    with stand.loose(PidsLimit=0) as loose:
        assert loose.ask("threads", count=300)["made"] == 300
        if stand.gvisor:
            assert loose.sight.tasks < 300
            witness.without_guard("gVisor: threads are its own: 300 of them are fewer tasks of the host")
        else:
            assert loose.sight.tasks > 300
            witness.without_guard("runc: 300 threads, each a task of the host")
    played = stand.play(attack("threads", count=3000), HONEST)
    within_memory(played, LIMITS.memory_mib)
    if stand.gvisor:
        assert played.watch.most(lambda sight: sight.tasks) <= GVISORS_PIDS
        assert played.cases[0].ending in {("ok", None), OUT_OF_MEMORY}
        witness.with_guard("gVisor: 3,000 threads cost the container's memory")
    else:
        assert played.watch.most(lambda sight: sight.tasks) <= LIMITS.pids
        assert played.cases[0].saw["made"] < LIMITS.pids
        witness.with_guard("runc: no thread beyond the limit of pids")
    the_next_is_well(played)


def test_attack_03_memory_bomb(stand: Stand, witness: Witness) -> None:
    with stand.loose(Memory=0, MemorySwap=0) as loose:
        assert loose.ask("eat", mib=200) == {"mib": 200}
        assert loose.sight.memory >= 200 * MIB
    witness.without_guard("200 MiB of the host's memory, beyond the declared 128")
    played = stand.play(attack("eat", mib=300), HONEST)
    assert played.cases[0].ending == OUT_OF_MEMORY
    within_memory(played, LIMITS.memory_mib)
    the_next_is_well(played)
    witness.with_guard("killed by the kernel at its limit: out_of_memory")


def test_attack_04_memory_in_anonymous_files(stand: Stand, witness: Witness) -> None:
    with stand.loose(Ulimits=without_fsize) as loose:
        assert loose.ask("memfd", mib=32) == {"mib": [32], "why": None}
    witness.without_guard("an anonymous file of 32 MiB, where no file may have more than 8")
    played = stand.play(attack("memfd", mib=32), attack("memfd", mib=8, files=40), HONEST)
    assert played.cases[0].saw == {"mib": [8], "why": "EFBIG"}
    assert played.cases[1].ending == OUT_OF_MEMORY
    within_memory(played, LIMITS.memory_mib)
    the_next_is_well(played)
    witness.with_guard("EFBIG for one; many of them end in out_of_memory")


def test_attack_05_filling_what_is_writable(stand: Stand, witness: Witness) -> None:
    with stand.loose(Tmpfs={"/tmp": ROOMY}, ShmSize=64 * MIB) as loose:
        assert [loose.ask("fill", folder=folder, mib=24)["mib"] for folder in ("/tmp", "/dev/shm")] == [24, 24]
        assert loose.sight.memory >= 48 * MIB
    witness.without_guard("24 MiB in each, where 8 are declared")
    fills = [attack("fill", folder=folder, mib=24) for folder in ("/tmp", "/dev/shm")]
    played = stand.play(*fills, HONEST)
    assert [case.saw for case in played.cases[:2]] == [{"mib": 8, "why": "ENOSPC"}] * 2
    assert played.watch.most(lambda sight: sight.layer_bytes) == 0, "nothing of it is on the host's disk"
    within_memory(played, LIMITS.memory_mib)
    the_next_is_well(played)
    witness.with_guard("ENOSPC at the declared sizes; nothing on the host's disk")


def test_attack_06_inodes_without_end(stand: Stand, witness: Witness) -> None:
    with stand.loose(Tmpfs={"/tmp": ROOMY}) as loose:
        assert loose.ask("inodes", folder="/tmp", count=20_000) == {"made": 20_000, "why": None}
    witness.without_guard("20,000 files, and no end")
    if stand.gvisor:
        played = stand.play(attack("inodes", folder="/tmp", count=1_000_000), HONEST, memory_mib=64)
        assert played.cases[0].ending == OUT_OF_MEMORY
        within_memory(played, 64)
        witness.with_guard("gVisor: ends in out_of_memory")
        witness.open("gVisor ignores the bound on inodes; they are its own and cost the container's memory alone")
    else:
        played = stand.play(attack("inodes", folder="/tmp", count=20_000), HONEST)
        assert played.cases[0].saw == {"made": 16_383, "why": "ENOSPC"}
        witness.with_guard("runc: ENOSPC at 16,384")
    assert played.watch.most(lambda sight: sight.layer_bytes) == 0
    the_next_is_well(played)


def test_attack_08_a_tebibyte_in_tmp(stand: Stand, witness: Witness) -> None:
    with stand.loose(Ulimits=without_fsize, Tmpfs={"/tmp": ROOMY}) as loose:
        saw = loose.ask("sparse", folder="/tmp")
    assert (saw["tib"], saw["mib"]) == (True, 32)
    witness.without_guard("a file of 1 TiB in /tmp, and one of 32 MiB")
    played = stand.play(attack("sparse", folder="/tmp"), HONEST)
    assert played.cases[0].saw == {"tib": False, "why": "EFBIG", "mib": 8, "full": "EFBIG"}
    the_next_is_well(played)
    witness.with_guard("EFBIG beyond the declared size of /tmp")


def test_attack_09_open_files_and_core_files(stand: Stand, witness: Witness) -> None:
    raised = [{"Name": "nofile", "Soft": 8192, "Hard": 8192}, {"Name": "core", "Soft": 0, "Hard": -1}]
    with stand.loose(Ulimits=raised) as loose:
        assert loose.ask("limits", count=5000) == {"files": 5000, "why": None, "core": MIB}
    witness.without_guard("5,000 open files, and core files")
    played = stand.play(attack("limits", count=5000), HONEST)
    saw = played.cases[0].saw
    assert (saw["why"], saw["core"]) == ("EMFILE", 0)
    assert saw["files"] < 1024
    the_next_is_well(played)
    witness.with_guard("EMFILE below 1,024; no core file, and the limit cannot be raised")


def test_attack_12_cpu_burners(stand: Stand, witness: Witness) -> None:
    with stand.loose(NanoCpus=0) as loose:
        assert loose.ask("burn", processes=4, seconds=0.5) == {"burners": 4}
        assert loose.sight.throttled == 0
    witness.without_guard("the kernel never holds them back")
    played = stand.play(attack("burn", processes=4, seconds=1.0), HONEST, cpus=0.5)
    assert played.watch.most(lambda sight: sight.throttled) > 0
    ran = played.receipt["run_seconds"]
    used = played.watch.most(lambda sight: sight.cpu_seconds)
    assert used < 0.5 * ran * 1.25 + 0.3, "half a CPU, with what a period of the scheduler may add"
    the_next_is_well(played)
    witness.with_guard("held back by the kernel to the declared share of a CPU, all of them together")


def _slab() -> int:
    """Return the host's kernel memory for small objects, in bytes."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Slab:")) * 1024


def test_attack_33_negative_dentries_and_full_pipes(stand: Stand, witness: Witness) -> None:
    declared = 48 if stand.gvisor else 64
    # In the image's own file system: of a name that is not there a tmpfs keeps nothing.
    asked = {"count": 20_000 if stand.gvisor else 300_000, "pipes": 480, "folder": "/opt"}
    with stand.loose(Memory=0, MemorySwap=0) as loose:
        assert loose.ask("dentries", **asked)["piped"] >= 480 * 4096
        assert loose.sight.memory > declared * MIB
    if stand.gvisor:
        witness.without_guard("gVisor: 480 full pipes take more than the 48 MiB that are declared")
    else:
        witness.without_guard(
            "runc: 300,000 names and 480 pipes take more of the host's kernel than the declared 64 MiB"
        )
    before = _slab()
    played = stand.play(attack("dentries", **asked), HONEST, memory_mib=declared)
    assert played.cases[0].ending in ({OUT_OF_MEMORY} if stand.gvisor else {("ok", None), OUT_OF_MEMORY})
    within_memory(played, declared)
    assert _slab() - before < declared * MIB, "the host's kernel keeps no more than the container may"
    the_next_is_well(played)
    witness.with_guard("counts towards the container's memory; the host's kernel keeps no more than that")
