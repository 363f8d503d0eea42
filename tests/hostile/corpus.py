"""The attacks that Arena is tried with, by number: what each does, and on which runtimes its test runs.

Every attack that is not postponed has at least one test named `test_attack_NN_…`. Each first shows, where that is safe,
that the attack succeeds without its guard, and then what it does with the guard in place, seen from outside the
container. `scripts/attack_table.py` makes the table of docs/security.md out of a test run and fails if a number is
missing, or if one does not say what the attack does without its guard, or why that is not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

NOT_YET = "not yet: no network intake"
RUNTIMES = frozenset({"runc", "runsc"})


@dataclass(frozen=True, slots=True)
class Attack:
    """One row: what is tried, where it has to be tried at least, and why it has no test if it has none.

    `on` names runtimes, or other places as `Witness.tried_on` says them.
    """

    number: int
    title: str
    on: frozenset[str] = frozenset()
    postponed: str = ""

    @property
    def by_runtime(self) -> bool:
        """Whether it is tried on every runtime, and each has to say what it does without its guard."""
        return self.on >= RUNTIMES


_IN_CONTAINER = (
    "Fork bomb",
    "3,000 threads",
    "Memory bomb",
    "Anonymous memory file beyond the file size limit",
    "Fill /tmp and /dev/shm",
    "A million inodes in /tmp",
    "Fill /output, by bytes and by inodes",
    "1 TiB sparse file; one huge file",
    "5,000 open files; raise the core limit",
    "Write to the root file system, /input, /proc, /sys",
    "Execute from /tmp, /output, /dev/shm",
    "Four CPU burners",
    "Sleep for ever and ignore every signal",
    "Daemon by double fork",
    "Flood of stdout",
    "NUL, ANSI, HTML, a 40 MB line and pixels in the log",
    "Stall the attached reader to dodge the time limit",
    "DNS, HTTP, metadata address, bridge gateway",
    "Raw, packet, vsock, netlink and AF_ALG sockets",
    "Abstract sockets, shared memory and message queues across runs",
    "Covert channel between parallel runs by file locks or inotify",
    "State kept for the next evaluation",
    "Read the host's paths, load, disks, resolver",
    "unshare, mount, pivot_root, setns, chroot",
    "bpf, userfaultfd, perf, keyctl, io_uring, ptrace, modules, kexec",
    "Device nodes: kvm, mem, disks, fuse, kmsg; mknod",
    "core_pattern, sysrq, uevent_helper, cgroup release_agent (CVE-2022-0492)",
    "Overwrite /proc/self/exe or /proc/1/exe (CVE-2019-5736)",
    "WORKDIR /proc/self/fd/N (CVE-2024-21626)",
    "setuid-root binary in the image",
    "USER root, HEALTHCHECK, STOPSIGNAL, proxy and LD_PRELOAD in the image",
    "VOLUME with mode 777",
    "Negative dentries and full pipes",
    "Deliberate exit code and timing",
    "Symbolic link in /output to labels",
    "FIFO in /output",
    "Symlink loop, socket, unreadable folder in /output",
    "Hard link to /input or /etc, device node, chown in /output",
    "5,000 folders deep in /output",
    "Newline, command, HTML, ANSI, invalid UTF-8 as file names",
)
_ANYWHERE = (
    "NaN, Infinity, 1e400 as a probability",
    "Negative, above 1, true, “1_0”, “ nan ”, Arabic digits",
    "Duplicate keys",
    "Integers of 400 and 5,000 digits",
    "Nesting 100,000 deep",
    "30 MB of []",
    "Byte order mark; UTF-16",
    "NUL, lone surrogate",
    "Unclosed quote in a table",
    "Field longer than a table reader takes",
    "Missing, unknown, duplicate, differently cased, look-alike, zero-width case names",
    "CRLF, nothing, a header only, extra fields",
    "Pickle, npy, joblib offered as predictions",
    "Pixels hidden in the digits of a probability",
    "Paths that leave the archive, links written through, Config elsewhere",
    "35 MB layer that expands to 8 GiB",
    "420,000 empty files",
    "More layers than an engine takes",
    "Tags that name another vendor's image",
    "15 MB of environment and labels; device nodes in a layer",
    "Foreign architecture, no command, wrong diff id, no manifest, random bytes",
    "ONBUILD, extended attributes, setuid files, registry addresses",
    "Deflated DICOM of 389 kB that expands to 400 MB",
    "5,000 nested sequences",
    "Rows × Columns × Frames that lie; length 0xFFFFFFF0",
    "Identity in pixels, private tags, order or times that tell the label",
    "Probing the score with chosen answers",
    "Sock-puppet vendors, spam, the same digest again",
    "Another's digest or upload id replayed",
    "Guessing tokens",
    "Others' logs, runs, images, scores by id",
    "Formulas in names that reach a spreadsheet",
    "HTML and Markdown in names, logs, errors",
    "Bidirectional, zero-width and 10 kB names",
    "False Content-Length, slow body, path in a file name",
    "Runner killed in the middle of a run",
)
_POSTPONED = {68, 69, 70, 71, 75}
_ON = {
    **dict.fromkeys((*range(41, 55), 67, 76), frozenset({"runc"})),
    **dict.fromkeys(range(55, 63), frozenset({"intake", "the engine"})),
    73: frozenset({"a browser"}),
}

ATTACKS: tuple[Attack, ...] = tuple(
    [Attack(number, title, RUNTIMES) for number, title in enumerate(_IN_CONTAINER, 1)]
    + [
        Attack(number, title, _ON.get(number, frozenset()), NOT_YET if number in _POSTPONED else "")
        for number, title in enumerate(_ANYWHERE, len(_IN_CONTAINER) + 1)
    ]
)

Tell = Callable[[str, object], None]


class Witness:
    """What a test saw, for the table: with the guard, without it, and whether the host came to harm.

    Every text is the same in each run: the table of one run is compared with that of another.
    """

    def __init__(self, record_property: Tell) -> None:
        self._record = record_property

    def without_guard(self, seen: str) -> None:
        """Say what the attack did where its guard was taken away, or why that is not tried."""
        self._record("without", seen)

    def with_guard(self, seen: str) -> None:
        """Say what it did with the guard in place."""
        self._record("with", seen)

    def open(self, what: str) -> None:
        """Say what does not hold, in words for the table; the test has asserted that it is no worse than that."""
        self._record("open", what)

    def tried_on(self, *places: str) -> None:
        """Say where it was tried, beside the runtime that the test's name tells: a runtime, or whatever it met."""
        for place in places:
            self._record("on", place)


@pytest.fixture
def witness(record_property: Tell) -> Witness:
    """Give the test a place for what it saw."""
    return Witness(record_property)
