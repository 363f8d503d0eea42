"""Attacks 10, 11, 18, 19 and 23 to 28: files, sockets, devices and calls that lead out of a container.

All of them are played one after the other in one container of the real runner; the tests look at what each saw, and at
what the host shows before, meanwhile and after.
"""

# ruff: noqa: S108 - the paths are those inside a container

from __future__ import annotations

import os
import platform
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.corpus import Witness, witness
from tests.hostile.hostwatch import docker_root
from tests.hostile.stand import HONEST, OPEN_SECCOMP, Played, Stand, stand

__all__ = ["stand", "witness"]
pytestmark = pytest.mark.engine

DOCKERS_OWN = OPEN_SECCOMP[:1]
"""No profile is named: the engine takes its own."""
REFUSED = {"EACCES", "EROFS", "EPERM", "ENOENT"}
NOT_THERE = {"EPERM", "EACCES", "ENOSYS", "EAFNOSUPPORT", "ENOTSUP", "ENODEV", "ENETUNREACH", "EHOSTUNREACH"}
SETTINGS = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/release_agent",
)  # fmt: skip
TELLING = ("/proc/loadavg", "/proc/diskstats", "/proc/partitions", "/proc/interrupts")
MOUNTS = "/proc/self/mountinfo"
PROGRAMS = ("/proc/self/exe", "/proc/1/exe", "/sbin/docker-init")
DEVICES = ("/dev/kvm", "/dev/mem", "/dev/vda", "/dev/sda", "/dev/fuse", "/dev/kmsg")
OUTSIDE = (("169.254.169.254", 80), ("172.17.0.1", 2375), ("192.0.2.1", 443), ("8.8.8.8", 53))


class Listener:
    """A service of the host that counts who reaches it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", int(self._socket.getsockname()[1]))
        self.reached = 0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _count(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.reached += 1


@dataclass(frozen=True, slots=True)
class Tried:
    """What each attack saw in the one container, and the host's own files before and after."""

    played: Played
    saw: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reached: int


def host_s_own() -> dict[str, Any]:
    """What an attack could change: settings of the kernel, and the programs that start containers."""
    facts: dict[str, Any] = {}
    for path in map(Path, ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname")):
        facts[str(path)] = path.read_text(encoding="ascii")
    for name in ("runc", "runsc", "docker-init", "dockerd", "containerd-shim-runc-v2"):
        program = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin:/usr/libexec/docker")
        if program is not None:
            about = Path(program).stat()
            facts[name] = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_mode)
    assert {"runc", "runsc"} <= facts.keys()
    return facts


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture(scope="module")
def tried(stand: Stand, listener: Listener) -> Tried:
    """Play all of them in one container, and then an honest case in the same."""
    before, reached = host_s_own(), listener.reached
    attacks: dict[str, dict[str, Any]] = {
        "write": {"paths": ["/x", "/open/x", "/etc/x", "/input/x", "/proc/x", "/sys/x", "/attack/attack.py"]},
        "execute": {"folders": ["/tmp", "/dev/shm"]},
        "reach": {"targets": [listener.address, *OUTSIDE]},
        "sockets": {},
        "peek": {"paths": [*TELLING, MOUNTS, "/etc/resolv.conf"]},
        "release": {},
        "namespaces": {},
        "calls": {},
        "devices": {"paths": list(DEVICES)},
        "unlock": {"paths": [*SETTINGS, *PROGRAMS]},
        "wait": {"seconds": 0.8},  # for the witness: what they opened stays open
    }
    played = stand.play(*({"attack": name, **given} for name, given in attacks.items()), HONEST)
    assert [case.ending for case in played.cases] == [("ok", None)] * (len(attacks) + 1)
    assert played.watch.alive() == set()
    saw = dict(zip(attacks, (case.saw for case in played.cases), strict=False))
    return Tried(played, saw, before, host_s_own(), listener.reached - reached)


@pytest.fixture(scope="module")
def unfiltered(stand: Stand) -> Mapping[str, Any]:
    """What the calls come to where only the filter is missing."""
    with stand.loose(SecurityOpt=OPEN_SECCOMP) as loose:
        return {name: loose.ask(name) for name in ("sockets", "namespaces", "calls")}


def test_attack_10_writing_where_nothing_is_to_be_written(stand: Stand, tried: Tried, witness: Witness) -> None:
    with stand.loose(ReadonlyRootfs=False) as loose:
        assert loose.ask("write", paths=["/open/x"]) == {"/open/x": "done"}
        assert loose.sight.layer_bytes == 1
    with stand.loose(Mounts=lambda mounts: [{**each, "ReadOnly": False} for each in mounts]) as loose:
        assert loose.ask("write", paths=["/input/x"]) == {"/input/x": "done"}
        assert (loose.folder / "x").read_bytes() == b"x"
    witness.without_guard(
        "a file in the container's layer on the host's disk, and one in the host's own folder behind /input"
    )
    assert set(tried.saw["write"].values()) <= REFUSED
    assert tried.played.watch.most(lambda sight: sight.layer_bytes) == 0
    witness.with_guard("refused; the container's layer on the host's disk stays empty")


def test_attack_11_executing_what_was_written(stand: Stand, tried: Tried, witness: Witness) -> None:
    with stand.loose(Tmpfs={"/tmp": "rw,exec,nosuid,nodev,size=8m,mode=1777"}) as loose:
        assert loose.ask("execute", folders=["/tmp"]) == {"/tmp": "done"}
    witness.without_guard("a program that was copied to /tmp runs")
    assert tried.saw["execute"] == {"/tmp": "EACCES", "/dev/shm": "EACCES"}
    witness.with_guard("EACCES; a guard against dropped files only, as an interpreter runs what it reads")


def test_attack_18_reaching_anybody(stand: Stand, tried: Tried, listener: Listener, witness: Witness) -> None:
    before = listener.reached
    with stand.loose(NetworkMode="host") as loose:
        saw = loose.ask("reach", targets=[listener.address])
    if stand.gvisor:
        assert saw["127.0.0.1"] != "reached"
        assert listener.reached == before
        witness.without_guard("gVisor: registered without a network, it stays cut off even so")
    else:
        assert saw["127.0.0.1"] == "reached"
        assert listener.reached == before + 1
        witness.without_guard("runc: with the host's network it reaches a service of the host")
    assert tried.saw["reach"].pop("name", "gaierror") == "gaierror"
    assert set(tried.saw["reach"].values()) <= {"ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED"}
    assert tried.reached == 0, "the host's service saw nobody"
    assert tried.played.receipt["manifest"]["sandbox"]["kernel"]["interfaces"] in (["lo"], None)
    witness.with_guard("nobody can be reached and no name looked up: there is no interface but lo")


def test_attack_19_sockets_that_lead_elsewhere(
    stand: Stand, tried: Tried, unfiltered: Mapping[str, Any], witness: Witness
) -> None:
    assert unfiltered["sockets"]["netlink"] == "opened"
    saw = dict(tried.saw["sockets"])
    if stand.gvisor:
        assert unfiltered["sockets"] == saw
        witness.without_guard(
            "gVisor: the same without the filter, which it does not apply: it answers every call itself"
        )
        assert saw.pop("netlink") == "opened"
        witness.open("gVisor opens netlink sockets of its own kernel; the host's kernel sees none of them")
    else:
        witness.without_guard("runc: netlink opens without the filter, and raw and packet sockets with capabilities")
        with stand.loose(CapDrop=[], User="0:0", SecurityOpt=DOCKERS_OWN) as loose:
            opened = loose.ask("sockets")
            assert (opened["raw"], opened["packet"]) == ("opened", "opened")
            assert loose.sight.packet_sockets > 0
    assert set(saw.values()) <= NOT_THERE
    assert tried.played.watch.most(lambda sight: sight.packet_sockets) == 0
    witness.with_guard("raw, packet, vsock and AF_ALG sockets are refused")


def test_attack_23_reading_what_tells_of_the_host(stand: Stand, tried: Tried, witness: Witness) -> None:
    with stand.loose(MaskedPaths=[]) as loose:
        unmasked = loose.ask("peek", paths=list(TELLING))
    saw = tried.saw["peek"]
    assert saw["/etc/resolv.conf"].split() == ["nameserver", "127.0.0.1"]
    secrets = [str(stand.bench.root / name) for name in ("studies", "images", "results")]
    assert not any(secret in saw[MOUNTS] for secret in secrets)
    if stand.gvisor:
        assert unmasked["/proc/loadavg"].startswith("0.00 0.00 0.00")
        assert not any(saw[path] not in {"ENOENT", unmasked[path]} for path in TELLING)
        assert str(docker_root(stand.engine)) not in saw[MOUNTS]
        witness.without_guard("gVisor: unmasked as well, they tell of its own kernel, which has no load and no disks")
        assert tried.saw["release"] != platform.release()
        witness.with_guard("gVisor: its own kernel's numbers, release and mounts, whatever the host's are")
        return
    assert all(unmasked[path] for path in TELLING)
    assert unmasked["/proc/loadavg"].split()[0] != ""
    witness.without_guard("runc: the host's load, disks and interrupts")
    assert [saw[path] for path in TELLING] == [""] * len(TELLING)
    assert str(stand.bench.root / "runs") in saw[MOUNTS]
    assert tried.saw["release"] == platform.release()
    witness.with_guard("runc: load, disks and interrupts are empty files; the resolver is 127.0.0.1")
    witness.open(
        "runc: where its mounts lie on the host can be read, which names its attempt and no case set, vendor or study; "
        "so can the kernel's release, and by sysinfo(2), /proc/meminfo, /proc/stat and /proc/uptime the host's load, memory "
        "and processors: two containers that run at once can tell each other something"
    )


def test_attack_24_namespaces_and_mounts(
    stand: Stand, tried: Tried, unfiltered: Mapping[str, Any], witness: Witness
) -> None:
    saw = dict(tried.saw["namespaces"])
    namespaces = tried.played.watch.most(lambda sight: len(sight.user_namespaces))
    with stand.loose(SecurityOpt=OPEN_SECCOMP, CapDrop=[], CapAdd=["SYS_ADMIN"], User="0:0") as loose:
        # Where pivot_root succeeds the container has another root under its feet, and cannot answer any more.
        mighty = loose.ask("namespaces", without=["unshare user", "pivot_root", "setns"])
    assert mighty == dict.fromkeys(("unshare network", "mount", "chroot"), "done")
    witness.without_guard("as root that may administer: networks, mounts and roots of its own")
    if stand.gvisor:
        assert unfiltered["namespaces"] == saw
        assert saw.pop("unshare user") == "done"
        assert namespaces <= 2, "gVisor's own two"
        witness.open("gVisor makes user namespaces of its own kernel; the host's kernel sees none of them")
    else:
        allowed = int(Path("/proc/sys/user/max_user_namespaces").read_text(encoding="ascii")) > 0
        assert unfiltered["namespaces"]["unshare user"] == ("done" if allowed else "ENOSPC")
        witness.without_guard("runc: without the filter a user namespace, where the host allows them")
        assert namespaces == 1
    assert set(saw.values()) <= {"EPERM", "ENOTSUP"}
    witness.with_guard("mounts, other roots and other namespaces are refused")


def test_attack_25_tracing_keys_and_kernel_programs(
    stand: Stand, tried: Tried, unfiltered: Mapping[str, Any], witness: Witness
) -> None:
    saw = dict(tried.saw["calls"])
    if stand.gvisor:
        assert unfiltered["calls"] == saw
        witness.without_guard("gVisor: the same without the filter")
        assert (saw.pop("ptrace"), saw.pop("io_uring_setup")) == ("done", "EFAULT")
        witness.open("gVisor emulates ptrace and io_uring; they reach its own kernel and processes alone")
    else:
        assert [unfiltered["calls"][name] for name in ("ptrace", "keyctl")] == ["done", "done"]
        witness.without_guard("runc: ptrace and the keyrings answer, others are there to be tried")
    assert set(saw.values()) <= NOT_THERE
    witness.with_guard("refused, or not there")


def test_attack_26_devices(stand: Stand, tried: Tried, witness: Witness) -> None:
    saw = dict(tried.saw["devices"])
    with stand.loose(CapDrop=[], User="0:0", SecurityOpt=DOCKERS_OWN) as loose:
        made = loose.ask("devices", paths=[])
        assert (made["mknod mem"], made["mknod disk"]) == ("done", "done")
    witness.without_guard("as root with Docker's own capabilities: nodes are made, and opening them is refused still")
    if stand.gvisor:
        assert (saw.pop("mknod mem"), saw.pop("mknod disk"), saw.pop("/dev/fuse")) == ("done", "done", "done")
        assert (saw.pop("open mem"), saw.pop("open disk")) == ("ENXIO", "ENXIO")
        witness.open("gVisor makes nodes in its own /tmp, behind which is nothing, and has a /dev/fuse of its own")
    assert set(saw.values()) <= {"EPERM", "ENOENT", "EACCES"}
    witness.with_guard("no device of the host is there or can be opened")


def test_attack_27_settings_of_the_host_s_kernel(stand: Stand, tried: Tried, witness: Witness) -> None:
    with stand.loose(CapDrop=[], User="0:0", ReadonlyPaths=[], SecurityOpt=DOCKERS_OWN) as loose:
        saw = loose.ask("unlock", paths=["/proc/sys/kernel/core_pattern"])
    if stand.gvisor:
        assert saw == {"/proc/sys/kernel/core_pattern": "ENOENT"}
        witness.without_guard("gVisor: to root with /proc/sys writable they are not there either")
    else:
        assert saw == {"/proc/sys/kernel/core_pattern": "done"}
        witness.without_guard("runc, as root with /proc/sys writable: core_pattern opens; nothing was written to it")
    assert {tried.saw["unlock"][path] for path in SETTINGS} <= REFUSED
    assert tried.before == tried.after
    witness.with_guard("refused, or not there; the host's settings are what they were")


def test_attack_28_the_programs_that_start_containers(stand: Stand, tried: Tried, witness: Witness) -> None:
    witness.without_guard("not tried: where it succeeds it overwrites the host's runtime")
    assert {tried.saw["unlock"][path] for path in PROGRAMS} <= REFUSED
    assert tried.before == tried.after
    witness.with_guard("refused; the host's programs are what they were")
