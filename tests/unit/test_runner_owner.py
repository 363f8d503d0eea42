"""Whose a canary is and whether it may go: read from a /proc of the test's own, and once from the machine's."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runners.overdue import (
    LONGEST_SECONDS,
    SELF_TEST,
    folder_prefix,
    is_anothers,
    is_anothers_folder,
    is_left,
    reap_overdue,
)
from runners.owner import Fate, Processes
from runners.policy import ATTEMPT_LABEL, OWNER_LABEL
from runners.volumes import Made

BOOT = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
OWNER, OTHER = 41, 52
YOUNG, OLD = 1.0, LONGEST_SECONDS + 1.0


@dataclass
class Machine:
    """The files of a kernel that a process sees, and the processes that exist."""

    proc: Path
    running: set[int] = field(default_factory=set)

    def place(
        self, *, boot: str = BOOT, host: str = "arena-1", pids: str = "pid:[4026531836]",
        times: str | None = "time:[4026531834]",
    ) -> None:  # fmt: skip
        """Say where this process is."""
        for folder in ("self/ns", "sys/kernel/random"):
            (self.proc / folder).mkdir(parents=True, exist_ok=True)
        (self.proc / "sys/kernel/random/boot_id").write_text(f"{boot}\n")
        (self.proc / "sys/kernel/hostname").write_text(f"{host}\n")
        for name, space in {"pid": pids, "time": times}.items():
            (self.proc / "self/ns" / name).unlink(missing_ok=True)
            if space is not None:
                (self.proc / "self/ns" / name).symlink_to(space)

    def run(self, pid: int, *, began: int, state: str = "S", threads: int = 1) -> None:
        """Let a process run, or have ended without having been waited for."""
        self.running.add(pid)
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        # A name may hold what separates the fields.
        fields = [state, *["0"] * 16, str(threads), "0", str(began), *["0"] * 30]
        (folder / "stat").write_text(f"{pid} (a) S 1 b) {' '.join(fields)}\n")

    def end(self, pid: int) -> None:
        """Let a process be gone."""
        self.running.remove(pid)
        (self.proc / str(pid) / "stat").unlink()
        (self.proc / str(pid)).rmdir()

    def seen_by(self, pid: int, *numbers: int) -> Processes:
        """Be that process; `numbers` where the namespace of /proc is above its own."""
        inner = "".join(f"\t{number}" for number in numbers)
        (self.proc / "self/status").write_text(f"Name:\tpython3\nNSpid:\t{pid}{inner}\nThreads:\t1\n")
        return Processes(self.proc, exists=self.running.__contains__)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "proc")
    made.place()
    made.run(OWNER, began=1000)
    made.run(OTHER, began=2000)
    return made


@pytest.fixture
def labels(machine: Machine) -> dict[str, str]:
    """Labels of something that the owner's self-test made."""
    return {ATTEMPT_LABEL: SELF_TEST, OWNER_LABEL: machine.seen_by(OWNER).me()}


def test_what_belongs_to_a_living_process_stays_whatever_its_age(machine: Machine, labels: dict[str, str]) -> None:
    other = machine.seen_by(OTHER)
    assert other.fate(labels[OWNER_LABEL]) is Fate.LIVES
    assert not is_left(labels, YOUNG, other)
    assert not is_left(labels, OLD, other)


def test_what_a_process_left_itself_goes_by_its_age(machine: Machine, labels: dict[str, str]) -> None:
    me = machine.seen_by(OWNER)
    assert not is_left(labels, YOUNG, me)
    assert is_left(labels, OLD, me)


def test_what_belongs_to_a_dead_process_goes_at_once(machine: Machine, labels: dict[str, str]) -> None:
    machine.end(OWNER)
    assert is_left(labels, YOUNG, machine.seen_by(OTHER))


def test_another_process_of_the_same_number_is_not_the_owner(machine: Machine, labels: dict[str, str]) -> None:
    machine.end(OWNER)
    machine.run(OWNER, began=1001)
    assert is_left(labels, YOUNG, machine.seen_by(OTHER))


@pytest.mark.parametrize(("state", "threads", "left"), [("Z", 1, True), ("X", 0, True), ("Z", 3, False)])
def test_a_process_that_nobody_has_waited_for_is_dead_once_all_its_threads_are(
    machine: Machine, labels: dict[str, str], state: str, threads: int, left: bool
) -> None:
    machine.run(OWNER, began=1000, state=state, threads=threads)
    assert is_left(labels, YOUNG, machine.seen_by(OTHER)) is left


ELSEWHERE: dict[str, Callable[[Machine], None]] = {
    "another boot or host": lambda machine: machine.place(boot="5ac6f3a8-0000-4000-8000-3c0f5b2d7e11"),
    "a copy of the same machine, running": lambda machine: machine.place(host="arena-2"),
    "another pid namespace": lambda machine: machine.place(pids="pid:[4026532201]"),
    "another time namespace": lambda machine: machine.place(times="time:[4026532202]"),
    "a kernel that tells of no time namespaces": lambda machine: machine.place(times=None),
    "a kernel that tells no boot": lambda machine: (machine.proc / "sys/kernel/random/boot_id").unlink(),
    "no namespaces to be seen": lambda machine: (machine.proc / "self/ns/pid").unlink(),
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_where_the_owner_cannot_be_seen_age_alone_tells(machine: Machine, labels: dict[str, str], where: str) -> None:
    machine.end(OWNER)
    ELSEWHERE[where](machine)
    other = machine.seen_by(OTHER)
    assert other.fate(labels[OWNER_LABEL]) is Fate.UNSEEN
    assert not is_left(labels, YOUNG, other)
    assert is_left(labels, OLD, other)


def test_a_proc_of_the_namespace_above_does_not_tell_of_the_numbers_here(
    machine: Machine, labels: dict[str, str]
) -> None:
    machine.end(OWNER)
    assert machine.seen_by(OTHER, 7).fate(labels[OWNER_LABEL]) is Fate.UNSEEN


@pytest.mark.parametrize("content", [None, "", "41 (worker) S 1", "41 (worker) S" + " x" * 40])
def test_a_process_that_exists_and_cannot_be_read_is_not_taken_for_dead(
    machine: Machine, labels: dict[str, str], content: str | None
) -> None:
    """As where /proc hides the processes of others (hidepid)."""
    stat = machine.proc / str(OWNER) / "stat"
    if content is None:
        stat.unlink()
    else:
        stat.write_text(content)
    other = machine.seen_by(OTHER)
    assert other.fate(labels[OWNER_LABEL]) is Fate.UNSEEN
    assert not is_left(labels, YOUNG, other)


def test_a_process_whose_place_cannot_be_told_makes_what_goes_by_its_age(machine: Machine) -> None:
    (machine.proc / "sys/kernel/hostname").unlink()
    nobody = machine.seen_by(OWNER)
    labels = {ATTEMPT_LABEL: SELF_TEST, OWNER_LABEL: nobody.me()}
    assert labels[OWNER_LABEL] == ""
    assert not is_left(labels, YOUNG, nobody)
    assert is_left(labels, OLD, nobody)


@pytest.mark.parametrize("label", ["", "x", "0" * 32 + "-0-1", "0" * 32 + "--1-1", "0" * 32 + "-99999999999-1"])
def test_a_label_that_names_no_process_makes_nothing_go_early(machine: Machine, label: str) -> None:
    assert not is_left({OWNER_LABEL: label}, YOUNG, machine.seen_by(OTHER))
    assert not is_left({}, YOUNG, machine.seen_by(OTHER))


def test_a_self_test_of_the_same_runner_in_another_living_process_is_told_from_ones_own(
    machine: Machine, labels: dict[str, str]
) -> None:
    folder = f"{folder_prefix(labels[OWNER_LABEL])}k3_9x"
    assert is_anothers(labels, machine.seen_by(OTHER))
    assert is_anothers_folder(folder, machine.seen_by(OTHER))
    assert not is_anothers(labels, machine.seen_by(OWNER))
    assert not is_anothers_folder(folder, machine.seen_by(OWNER))
    machine.end(OWNER)
    assert not is_anothers(labels, machine.seen_by(OTHER))
    assert not is_anothers_folder(folder, machine.seen_by(OTHER))


def test_a_label_that_a_vendors_image_brings_along_protects_no_attempt_of_a_dead_worker(
    machine: Machine, labels: dict[str, str]
) -> None:
    assert not is_anothers({**labels, ATTEMPT_LABEL: "a1"}, machine.seen_by(OTHER))


class Shelf:
    """An engine that holds one canary, its holder's volume, and tells what is removed."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.held = {"container": Made(100.0, labels), "volume": Made(100.0, labels)}

    def now(self) -> float:
        return 101.0

    def containers_made_for(self, _attempt: str) -> dict[str, Made]:
        return {name: made for name, made in self.held.items() if name == "container"}

    def volumes_made_for(self, _attempt: str) -> dict[str, Made]:
        return {name: made for name, made in self.held.items() if name == "volume"}

    def kill(self, _container: str) -> None:
        return

    def remove(self, container: str) -> None:
        del self.held[container]

    remove_volume = remove


def test_containers_and_volumes_go_by_the_same_rule(machine: Machine, labels: dict[str, str]) -> None:
    shelf = Shelf(labels)
    reap_overdue(shelf, machine.seen_by(OTHER))  # type: ignore[arg-type]
    assert list(shelf.held) == ["container", "volume"]
    machine.end(OWNER)
    reap_overdue(shelf, machine.seen_by(OTHER))  # type: ignore[arg-type]
    assert shelf.held == {}


def test_the_machines_own_proc_tells_a_living_process_from_one_that_ended_and_one_that_was_waited_for() -> None:
    tell = "from runners.owner import Processes; print(Processes().me(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", tell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        label = child.stdout.readline().strip()
        assert label.split("-")[1] == str(child.pid)
        assert Processes().fate(label) is Fate.LIVES
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and still has its number
        assert Processes().fate(label) is Fate.DEAD
    assert Processes().fate(label) is Fate.DEAD
    assert Processes().fate(Processes().me()) is Fate.LIVES
