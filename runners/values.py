"""Plain values that cross the boundary between the contest and the untrusted code.

Standard library only: any room of `arena` may import this module, and it imports nothing of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NewType

AttemptId = NewType("AttemptId", str)
ShardId = NewType("ShardId", str)


class Outcome(StrEnum):
    """What a case ends in (docs/contract.md)."""

    OK = "ok"
    TIMED_OUT = "timed_out"
    INVALID_ANSWER = "invalid_answer"
    NO_ANSWER = "no_answer"
    ABSTAINED = "abstained"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_QUOTA = "output_quota"
    NOT_REACHED = "not_reached"
    NOT_RUN = "not_run"


class Detail(StrEnum):
    """Why a case ended as it did, where its outcome does not say it all; exit classes (`exit_class`) stand beside."""

    CASE_SECONDS = "case_seconds"
    TOTAL_SECONDS = "total_seconds"
    RESTARTS = "restarts"
    OVERLONG_LINE = "overlong_line"
    BYTES_AFTER_ANSWER = "bytes_after_answer"
    STDOUT_CLOSED = "stdout_closed"
    OUT_OF_MEMORY = "out_of_memory"
    CANNOT_START = "cannot_start"
    STARTUP_SECONDS = "startup_seconds"
    NOT_READY_LINE = "not_ready_line"
    UNSOLICITED_OUTPUT = "unsolicited_output"
    STDOUT_FLOOD = "stdout_flood"
    OVERLONG_FILE = "overlong_file"
    DUPLICATE_LINE = "duplicate_line"
    OUTPUT_REFUSED = "output_refused"
    OUTPUT_FULL = "output_full"


def exit_class(code: int) -> str:
    """Return the word for a container's exit code: `exit_0` … `exit_128`, or `signal_<n>` for 128 + n."""
    return f"signal_{code - 128}" if 128 < code <= 128 + 64 else f"exit_{code}"  # noqa: PLR2004 - the shells' rule


class Isolation(StrEnum):
    """What stands between a container and the host's kernel; the host's settings name the runtime for each."""

    STANDARD = "standard"
    GVISOR = "gvisor"


class Status(StrEnum):
    """What a runner knows of an attempt; `UNKNOWN` means that its engine could not be asked."""

    PENDING = "pending"
    RUNNING = "running"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A content-addressed file: the SHA-256 of its bytes in hexadecimal, and their number."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one shard of cases may cost; every limit of docs/contract.md."""

    cases_per_shard: int = 100
    startup_seconds: float = 120.0
    shutdown_seconds: float = 10.0
    case_seconds: float = 600.0
    total_seconds: float = 86_400.0
    memory_mib: int = 4096
    cpus: float = 1.0
    gpus: int = 0
    pids: int = 128
    tmp_mib: int = 128
    shm_mib: int = 64
    output_mib: int = 8
    answer_kib: int = 64
    restarts: int = 5


@dataclass(frozen=True, slots=True)
class CaseInput:
    """One case of an attempt: its opaque name and the study blob (a tar of one folder per series)."""

    case: str
    study: BlobRef


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that an algorithm may leave beside an answer: `/output/<case>/<name>`."""

    name: str
    max_kib: int


@dataclass(frozen=True, slots=True)
class GrandChallengeLayout:
    """How mode `case` looks to an image that was made for grand-challenge.org (docs/contract.md).

    `image` is the slug of the socket that the study is given by; `outputs` pairs each finding's code with the name of
    the JSON file under /output that holds its probability.
    """

    image: str
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """One try of one shard: plain JSON, no secrets, no labels, no patients.

    `image` is the submitted archive; `image_id` the digest of its configuration, by which alone it is run. `layout` is
    None where the container follows Arena's own contract. `keep_log` is for cases that are no secret: what containers
    write to stderr is then kept, in part, for their vendor.
    """

    attempt_id: AttemptId
    shard_id: ShardId
    image: BlobRef
    image_id: str
    cases: tuple[CaseInput, ...]
    limits: Limits
    mode: str = "serve"
    exclusive: bool = False
    isolation: Isolation = Isolation.STANDARD
    outputs: tuple[OutputFile, ...] = ()
    layout: GrandChallengeLayout | None = None
    keep_log: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the attempt as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the runner saw of one case, one line of an attempt's output blob.

    `answer` is the answer's line or file as bytes, unparsed and hostile, without its newline; `latency_seconds` runs
    from the request's last byte to the answer's newline, in mode `case` from the container's start to its exit, and is
    `None` where no answer came and in mode `batch`. `files` are the declared output files that it left, by their
    names, stored and unread. `detail` is a `Detail` or an exit class such as `exit_1` or `signal_9` (`exit_class`),
    never container output.
    """

    case: str
    outcome: Outcome
    latency_seconds: float | None = None
    answer: bytes | None = None
    detail: str | None = None
    files: tuple[tuple[str, BlobRef], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the host vouches for at an attempt's end, stored as receipts/<attempt>.json after the output blob.

    `output` is None when the host failed (`host_fault` says why, in words for operators); nothing is then charged to
    the vendor. `manifest` holds the sandbox settings as read back from the engine. `log` is what `runners.keptlog` kept
    where the attempt asks for it, else None.
    """

    attempt_id: AttemptId
    shard_id: ShardId
    image_id: str
    host: str
    output: BlobRef | None
    host_fault: str | None
    started_at: str
    ended_at: str
    startup_seconds: float | None
    run_seconds: float
    containers_started: int
    policy_digest: str
    manifest: dict[str, Any]
    log: BlobRef | None = None
