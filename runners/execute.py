"""One attempt beside one engine: fetch, run, write the output blob, then the receipt.

Whatever happens, no container and no staging folder stays. A fault of the host gives a receipt that says so and no
output; nothing in it is then charged to the vendor. The receipt comes last: who finds one finds the output as well.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from runners.beside import Beside
from runners.container import Launcher
from runners.engine import Engine
from runners.faults import ContainerCannotStart, EngineRefused, ImageUnavailable, RunnerFault, SandboxRefused
from runners.images.holder import build_holder
from runners.keptlog import KeptLog
from runners.loading import load_submitted
from runners.manifest import sandbox_manifest
from runners.memory import refuse_too_large
from runners.modes import arrangement_of, output_space, refuse_unknown, shard_of
from runners.overdue import SELF_TEST, is_anothers, is_anothers_folder, reap_overdue
from runners.owner import Processes
from runners.parent import Together, hold_together, parent_name
from runners.policy import ATTEMPT_LABEL, Placement, SandboxPolicy, refuse_workdir, volumes_to_cover
from runners.protocol import BlobSource, Observe, ResultSink
from runners.runtimes import Runtime, runtime_of
from runners.shard import Canceller, ShardRun
from runners.shelving import Shelving
from runners.stage import Stage, remove_folder
from runners.values import AttemptSpec, BlobRef, CaseResult, Detail, Isolation, Outcome, Receipt

_ATTEMPT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
STEPS = ("container_open", "output_written", "receipt_written")
"""The steps at which `observe` is called."""


def _anything(_isolation: Isolation) -> None:
    return


@dataclass(frozen=True, slots=True)
class Host:
    """Where attempts run: the engine, the folder for staging, and what is the same for all of them.

    `runs_root` must have the same path for this process and for the engine. `runner_id` labels the containers and
    names the folder under `runs_root`, so that a successor finds what a killed process left. `runtime` runs what asks
    for standard isolation, `gvisor_runtime` what asks for gVisor. `admit` is called before work is taken, with the
    isolation that it asks for; what it raises is why none is taken (`runners.selftest.Gate`). `together` limits what
    all containers under `cgroup_parent` use; `shelving` sees to it that the engine has room for an image.
    """

    engine: Engine
    runs_root: Path
    runner_id: str
    runtime: str = "runc"
    gvisor_runtime: str = "runsc"
    cgroup_parent: str | None = None
    together: Together = field(default_factory=Together)
    admit: Callable[[Isolation], None] = _anything
    shelving: Shelving = field(default_factory=Shelving)

    def folder(self, attempt_id: str) -> Path:
        """The staging folder of an attempt."""
        return self.runs_root / self.runner_id / attempt_id

    def runtime_for(self, isolation: Isolation) -> Runtime:
        """Return the runtime for that isolation, as the engine knows it.

        Raises:
            EngineRefused: The engine cannot run any container as the sandbox has to, or has no such runtime.
        """
        name = self.gvisor_runtime if isolation is Isolation.GVISOR else self.runtime
        return runtime_of(self.engine.describe(), name, isolation)

    def parent_under(self, runtime: Runtime) -> str | None:
        """Return the control group above all containers, with its limits in force; None where there is none.

        Raises:
            SandboxRefused: Its limits are not in force.
        """
        driver = runtime.engine.get("CgroupDriver")
        parent = parent_name(self.cgroup_parent, driver)
        if parent is not None:
            hold_together(parent, driver, self.together)
        elif self.together != Together():
            msg = "The containers have a common limit and no control group in common: set ARENA_CGROUP_PARENT."
            raise SandboxRefused(msg)
        return parent


@dataclass(slots=True)
class _Facts:
    """What a receipt will say, as it becomes known."""

    started_at: str
    run: ShardRun = field(default_factory=ShardRun)
    policy_digest: str = ""
    run_seconds: float = 0.0
    engine: dict[str, Any] = field(default_factory=dict)
    runtime: dict[str, Any] = field(default_factory=dict)
    log: KeptLog | None = None
    image_refused: str | None = None


def receipt_name(attempt_id: str) -> str:
    """Return the name under which an attempt's receipt is stored."""
    return f"receipts/{attempt_id}.json"


def execute_attempt(
    spec: AttemptSpec,
    *,
    host: Host,
    studies: BlobSource,
    images: BlobSource,
    results: ResultSink,
    cpus: tuple[int, ...],
    observe: Observe | None = None,
    canceller: Canceller | None = None,
) -> Receipt | None:
    """Run one attempt to its receipt.

    Args:
        spec: What to run. Its output is one JSON line per case, in order:
            `{"case", "outcome", "latency_seconds", "answer_base64", "detail"}`.
        host: Where to run it.
        studies: The studies' blobs.
        images: The submitted image archives.
        results: Where the output and `receipts/<attempt>.json` go.
        cpus: The CPUs that the containers are pinned to.
        observe: Called with a step's name and the attempt's id when the step has been done.
        canceller: By which another thread ends the attempt.

    Returns:
        The receipt that was written, or None when there was one already.

    Raises:
        AttemptCancelled: It was cancelled; there is no receipt.
        RunnerFault: A container or folder could not be removed, or the attempt's id is no name. Reaping finds
            leftovers.
    """
    if not _ATTEMPT_ID.fullmatch(spec.attempt_id) or spec.attempt_id == SELF_TEST:
        msg = f"Not an attempt id: {spec.attempt_id!r}"
        raise RunnerFault(msg)
    if results.get_named(receipt_name(spec.attempt_id)) is not None:
        return None
    saw = observe or (lambda _step, _attempt: None)
    facts = _Facts(datetime.now(UTC).isoformat(), log=KeptLog() if spec.keep_log else None)
    output: BlobRef | None = None
    log: BlobRef | None = None
    fault: str | None = None
    stage = Stage(host.folder(spec.attempt_id), studies, arrangement_of(spec))
    with contextlib.ExitStack() as leaving:
        leaving.callback(stage.close)
        try:
            stage.open()
            leaving.enter_context(host.shelving.using(spec.image_id))
            written = _run(
                spec, host, images, results, stage, cpus, facts, canceller, lambda: saw(STEPS[0], spec.attempt_id)
            )
            if facts.log is not None:
                log = _keep(results, stage, facts.log.content())
            output = _store(results, written)
            saw(STEPS[1], spec.attempt_id)
        except RunnerFault as error:
            fault = f"{type(error).__name__}: {error}"
    receipt = _receipt(spec, facts, output, fault, log if output is not None else None)
    results.put_named(receipt_name(spec.attempt_id), json.dumps(asdict(receipt), sort_keys=True).encode())
    saw(STEPS[2], spec.attempt_id)
    return receipt


def _run(
    spec: AttemptSpec, host: Host, images: BlobSource, results: ResultSink, stage: Stage, cpus: tuple[int, ...],
    facts: _Facts, canceller: Canceller | None, on_open: Callable[[], None],
) -> Path:  # fmt: skip
    """Run the cases and return the file of their results."""
    _refuse_what_is_not_here(spec, cpus)
    refuse_too_large(spec, host.together)
    host.admit(spec.isolation)
    runtime = host.runtime_for(spec.isolation)
    runtime.refuse_gpus(spec.limits.gpus)
    facts.engine, facts.runtime = dict(runtime.engine), runtime.summary()
    written = stage.input.parent / "output.jsonl"
    with written.open("wb") as file:
        try:
            launcher = replace(_launcher(spec, host, runtime, images, stage, cpus, canceller), log=facts.log)
        except ContainerCannotStart as refused:
            facts.image_refused = str(refused)
            for case in spec.cases:
                _write_line(file, CaseResult(case.case, Outcome.NOT_REACHED, detail=Detail.CANNOT_START))
            return written
        facts.policy_digest = launcher.policy.digest
        shard = shard_of(
            spec, launcher, stage, lambda result: _write_line(file, result),
            Beside(spec.outputs, lambda path: _keep_file(results, path)), canceller=canceller, on_open=on_open,
        )  # fmt: skip
        began = time.monotonic()
        facts.run = shard.record
        try:
            shard.run()
        finally:
            facts.run_seconds = time.monotonic() - began
    return written


def _refuse_what_is_not_here(spec: AttemptSpec, cpus: tuple[int, ...]) -> None:
    refuse_unknown(spec)
    if spec.limits.cpus > len(cpus):
        action = f"give a container {spec.limits.cpus:g} CPUs"
        raise EngineRefused(action, None, f"its slot has {len(cpus)}; run with fewer slots")


def _launcher(
    spec: AttemptSpec, host: Host, runtime: Runtime, images: BlobSource, stage: Stage, cpus: tuple[int, ...],
    canceller: Canceller | None,
) -> Launcher:  # fmt: skip
    facts = host.engine.image(spec.image_id)
    if facts is None:
        archive = _archive(images, spec.image)
        facts = host.shelving.load(
            spec.image.size_bytes,
            lambda: host.engine.image(spec.image_id),
            lambda: load_submitted(host.engine, spec.image_id, archive),
            canceller or Canceller(),
        )
    refuse_workdir(facts.workdir)
    policy = SandboxPolicy(
        spec.limits,
        runtime=runtime.name,
        cgroup_parent=host.parent_under(runtime),
        volumes=volumes_to_cover(facts.volumes),
        podman=host.engine.is_podman(),
        gvisor=runtime.gvisor,
        output=output_space(spec),
    )

    def place() -> Placement:
        return Placement.fresh(
            cpus=cpus, input_source=str(stage.input), runner_id=host.runner_id, attempt_id=spec.attempt_id
        )

    holder = build_holder(host.engine) if policy.output is not None else ""
    return Launcher(host.engine, policy, facts.image_id, place, holder_image=holder, submitted=True)


def _archive(images: BlobSource, ref: BlobRef) -> Path:
    try:
        return images.local_path(ref)
    except Exception as error:
        # A blob store has errors of its own, of which this package knows nothing.
        msg = f"Image archive {ref.sha256} cannot be fetched: {error}"
        raise ImageUnavailable(msg) from error


def _store(results: ResultSink, written: Path) -> BlobRef:
    try:
        return results.put_file(written)
    except OSError as error:
        msg = f"The output cannot be stored: {error}"
        raise RunnerFault(msg) from error


def _keep(results: ResultSink, stage: Stage, content: bytes) -> BlobRef:
    """Store bytes that a container wrote."""
    path = stage.input.parent / "file"
    try:
        path.write_bytes(content)
    except OSError as error:
        msg = f"What a container wrote cannot be stored: {error}"
        raise RunnerFault(msg) from error
    return _store(results, path)


def _keep_file(results: ResultSink, path: Path) -> BlobRef:
    """Store a file that a container left, and remove it from where it lies."""
    ref = _store(results, path)
    path.unlink(missing_ok=True)  # a store may have taken the file itself
    return ref


def _write_line(file: IO[bytes], result: CaseResult) -> None:
    answer = None if result.answer is None else base64.b64encode(result.answer).decode()
    line: dict[str, Any] = {
        "case": result.case,
        "outcome": result.outcome,
        "latency_seconds": result.latency_seconds,
        "answer_base64": answer,
        "detail": result.detail,
    }
    if result.files:
        line["files"] = {name: asdict(ref) for name, ref in result.files}
    file.write(json.dumps(line).encode() + b"\n")


def _receipt(
    spec: AttemptSpec, facts: _Facts, output: BlobRef | None, fault: str | None, log: BlobRef | None
) -> Receipt:
    return Receipt(
        attempt_id=spec.attempt_id,
        shard_id=spec.shard_id,
        image_id=spec.image_id,
        host=socket.gethostname(),
        output=output,
        host_fault=fault,
        started_at=facts.started_at,
        ended_at=datetime.now(UTC).isoformat(),
        startup_seconds=facts.run.startup_seconds,
        run_seconds=facts.run_seconds,
        containers_started=len(facts.run.containers),
        policy_digest=facts.policy_digest,
        manifest={
            "sandbox": facts.run.sandbox,
            "engine": facts.engine,
            "runtime": facts.runtime,
            "summary": sandbox_manifest(
                facts.run.sandbox,
                isolation=spec.isolation,
                runtime=facts.runtime,
                engine=facts.engine,
                policy=facts.policy_digest,
                all_seen=facts.run.all_seen,
            ),
            "containers": [asdict(each) for each in facts.run.containers],
            "image_refused": facts.image_refused,
        },
        log=log,
    )


def reap(host: Host, *, alive: frozenset[str] = frozenset()) -> list[str]:
    """Remove the containers, volumes and staging folders of this runner's attempts that are not alive.

    What any runner's self-test has left goes as well, once its process is dead or it is overdue. What a self-test of
    this runner's id has made stays while another process is at it.

    Args:
        host: The engine and folders to look through.
        alive: Ids of attempts that are running now.

    Returns:
        The attempts that something was removed of, sorted.

    Raises:
        RunnerFault: The engine does not answer, or something cannot be removed.
    """
    processes = Processes()
    reap_overdue(host.engine, processes)
    reaped: set[str] = set()
    for container, labels in host.engine.containers_of(host.runner_id).items():
        attempt = labels.get(ATTEMPT_LABEL, "")
        if attempt not in alive and not is_anothers(labels, processes):
            host.engine.kill(container)
            host.engine.remove(container)
            reaped.add(attempt)
    # A volume's holder is one of the containers.
    for volume, labels in host.engine.volumes_of(host.runner_id).items():
        attempt = labels.get(ATTEMPT_LABEL, "")
        if attempt not in alive and not is_anothers(labels, processes):
            host.engine.remove_volume(volume)
            reaped.add(attempt)
    for folder in _folders(host.runs_root / host.runner_id):
        if folder.name not in alive and not is_anothers_folder(folder.name, processes):
            remove_folder(folder)
            reaped.add(folder.name)
    return sorted(reaped)


def _folders(root: Path) -> Iterator[Path]:
    return iter(sorted(root.iterdir()) if root.is_dir() else ())
