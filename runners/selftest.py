"""Before a runner takes work: canary containers that try to break out of its own sandbox on its own runtime.

A runtime may drop limits without a word: gVisor told to leave control groups alone does. So containers with a program
of ours are started under the policy that vendors get, and try. What the host can see itself, such as the kernel's
limits, is looked at by `runners.kernel` at their start; what they say of the rest is weighed here.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runners.attach import Line
from runners.container import Box, Launcher
from runners.execute import Host, reap
from runners.faults import ContainerCannotStart, SandboxRefused
from runners.images.holder import build_holder
from runners.kernel import Window
from runners.overdue import SELF_TEST, folder_prefix
from runners.owner import Processes
from runners.policy import FIRST_UID, Placement, SandboxPolicy
from runners.runtimes import Runtime
from runners.space import OutputSpace
from runners.values import Isolation, Limits

_PROGRAM = Path(__file__).with_name("images") / "canary.py"
_LIMITS = Limits(
    memory_mib=96, cpus=0.5, pids=24, tmp_mib=8, shm_mib=4, output_mib=4, startup_seconds=30.0, total_seconds=60.0,
)  # fmt: skip
_MIB = 1 << 20
_BEYOND_MIB = 160
_BEYOND_CHILDREN = 400
_CPU_SECONDS = 0.4
_CPU_TOLERANCE = 1.5
_ANSWER_BYTES = 4096
_ANSWER_SECONDS = 60.0
_END_SECONDS = 5.0
_REMEMBER_SECONDS = 86_400.0
_AGAIN_SECONDS = 60.0

Saw = Mapping[str, Any] | None
"""A canary's answer; None where its container ended instead of answering."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: `held` says whether the sandbox held, `saw` what was seen, in words for operators."""

    name: str
    claim: str
    held: bool
    saw: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a runtime's self-test."""

    runtime: str
    isolation: Isolation
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether everything held."""
        return all(finding.held for finding in self.findings)

    def reason(self) -> str:
        """Return a sentence on what is open."""
        opened = "; ".join(f"{each.name} ({each.saw})" for each in self.findings if not each.held)
        return f"runtime {self.runtime!r} does not hold its containers: {opened}"


def try_runtime(
    host: Host, isolation: Isolation, base: str, cpus: tuple[int, ...], *, window: Window | None = None
) -> Verdict:
    """Run every canary under the runtime for that isolation.

    Args:
        host: The engine, the settings, and a runner's id for the canaries' labels.
        isolation: Which runtime is tested.
        base: An image of the engine with `python3`, by its name or id.
        cpus: The CPUs that the canaries are pinned to.
        window: Where the kernel is asked about them.

    Raises:
        RunnerFault: The engine is away, the image is not there, or the runtime cannot be used at all.
    """
    began = time.monotonic()
    runtime = host.runtime_for(isolation)
    # Apart from the runner's own containers, which are looked through for leftovers while canaries may run.
    host = replace(host, runner_id=f"{host.runner_id}-canary")
    reap(host)
    facts = host.engine.image(base)
    if facts is None:
        msg = f"The self-test needs image {base!r}, which the engine does not have: run `make engine`."
        raise SandboxRefused(msg)
    owner = Processes().me()
    with tempfile.TemporaryDirectory(prefix=folder_prefix(owner), dir=_folder(host)) as folder:
        Path(folder).chmod(0o755)
        launcher = Launcher(
            host.engine,
            policy_of(host, runtime),
            facts.image_id,
            lambda: Placement.fresh(
                cpus=cpus, input_source=folder, runner_id=host.runner_id, attempt_id=SELF_TEST, owner=owner
            ),
            program=("python3", "-E", "-S", "-c", _PROGRAM.read_text(encoding="utf-8")),
            window=window or Window(),
            holder_image=build_holder(host.engine),
        )
        findings = tuple(_findings(launcher, Path(folder), gvisor=runtime.gvisor))
    with suppress(OSError):  # another self-test of this runner is at it
        _folder(host).rmdir()
    return Verdict(runtime.name, isolation, time.monotonic() - began, findings)


def policy_of(host: Host, runtime: Runtime) -> SandboxPolicy:
    """Return the canaries' policy: that of every container, with small limits."""
    return SandboxPolicy(
        _LIMITS, runtime=runtime.name, cgroup_parent=host.parent_under(runtime), podman=host.engine.is_podman(),
        gvisor=runtime.gvisor,
    )  # fmt: skip


def _folder(host: Host) -> Path:
    """Return the folder in which a successor finds what a killed self-test left."""
    folder = host.runs_root / host.runner_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _findings(launcher: Launcher, folder: Path, *, gvisor: bool) -> Iterator[Finding]:
    limits = launcher.policy.limits
    children = launcher.policy.request("", Placement(0, (), "", ()))["HostConfig"]["PidsLimit"] + _BEYOND_CHILDREN
    try:
        with _canary(launcher) as canary:
            yield _kernel(canary.box)
            yield _cpu(canary, launcher, gvisor=gvisor)
            yield from _quiet(canary, limits, gvisor=gvisor)
        space = OutputSpace(_LIMITS.output_mib)
        with _canary(replace(launcher, policy=replace(launcher.policy, output=space))) as canary:
            yield _output(canary, space, folder)
        with _canary(launcher) as canary:
            yield _fork(canary.ask("fork", most=children), children, canary.box)
        with _canary(launcher) as canary:
            mib = limits.memory_mib + _BEYOND_MIB
            yield _memory(canary.ask("memory", mib=mib), limits, canary.box)
    except SandboxRefused as refused:
        yield Finding("sandbox", "The engine and the kernel hold a container as asked.", False, str(refused))
    except ContainerCannotStart as failed:
        yield Finding("start", "A container with Python can be started.", False, str(failed))


@dataclass(frozen=True, slots=True)
class _Canary:
    box: Box

    def ask(self, name: str, **given: Any) -> Saw:
        """Let the canary try something; None where it ended, or said nothing, instead of answering."""
        conversation = self.box.conversation
        if conversation.open_line(_ANSWER_BYTES) is None:
            return None
        conversation.send(json.dumps({"try": name, **given}).encode() + b"\n", _ANSWER_SECONDS)
        event = conversation.next_event(_ANSWER_SECONDS)
        answer: dict[str, Any] | None = json.loads(event.content) if isinstance(event, Line) else None
        return answer


@contextmanager
def _canary(launcher: Launcher) -> Iterator[_Canary]:
    """A canary that has said that it is ready; nothing of it stays.

    Raises:
        ContainerCannotStart: It does not become ready.
        RunnerFault: The host's fault.
    """
    box = launcher.launch()
    try:
        event = box.conversation.next_event(_LIMITS.startup_seconds)
        if not isinstance(event, Line):
            end = box.end(_END_SECONDS)
            msg = f"the canary did not become ready (exit code {end.exit_code}, out of memory: {end.out_of_memory})"
            raise ContainerCannotStart(msg)
        yield _Canary(box)
    finally:
        box.close()


def _kernel(box: Box) -> Finding:
    seen = box.manifest["kernel"]
    saw = "as asked" if seen["seen"] else f"not visible from here: {seen['reason']}"
    return Finding("kernel", "The kernel holds the container as asked.", True, saw)


def _quiet(canary: _Canary, limits: Limits, *, gvisor: bool) -> Iterable[Finding]:
    """What disturbs nobody: network, files, CPU, identity."""
    yield _judge(
        "network", "Nobody can be reached, and there is no interface but lo.", canary.ask("network"),
        lambda saw: not saw["reached"] and saw["interfaces"] == ["lo"],
        lambda saw: f"reached {_listed(saw['reached'])}; interfaces: {_listed(saw['interfaces'])}",
    )  # fmt: skip
    most = {"/tmp": limits.tmp_mib * _MIB, "/dev/shm": limits.shm_mib * _MIB}  # noqa: S108 - inside the container
    yield _judge(
        "disk", "Nothing can be written but /tmp and /dev/shm, up to their size, and nothing run from there.",
        canary.ask("disk", bytes=max(most.values()) * 2),
        lambda saw: not saw["opened"] and not saw["runs_from_tmp"]
        and all(saw["bytes"][path] <= size for path, size in most.items()),
        lambda saw: f"written: {', '.join(f'{path} {size // _MIB} MiB' for path, size in saw['bytes'].items())}; "
        f"elsewhere {_listed(saw['opened'])}; run from /tmp: {'yes' if saw['runs_from_tmp'] else 'no'}",
    )  # fmt: skip
    # gVisor answers these calls by itself: what its guests do in its kernel, they do not do in the host's.
    yield _judge(
        "privileges", "It is nobody, has no capability, and calls that it needs not are refused.",
        canary.ask("privileges"),
        lambda saw: saw["uid"] >= FIRST_UID and not saw["capabilities"] and (gvisor or not saw["through"]),
        lambda saw: f"uid {saw['uid']}, capabilities {saw['capabilities']:x}, "
        f"{'answered by gVisor itself' if gvisor else 'not refused'}: {_listed(saw['through'])}",
    )  # fmt: skip


def _cpu(canary: _Canary, launcher: Launcher, *, gvisor: bool) -> Finding:
    limit = launcher.policy.limits.cpus
    claim = f"Two processes get {limit:g} CPUs."
    pid = int(launcher.engine.inspect(canary.box.container)["State"].get("Pid") or 0)
    before, began = launcher.window.cpu_seconds(pid, canary.box.container), time.monotonic()
    saw = canary.ask("cpu", seconds=_CPU_SECONDS)
    after, ended = launcher.window.cpu_seconds(pid, canary.box.container), time.monotonic()
    if saw is None:
        return Finding("cpu", claim, False, "the canary ended instead of answering")
    if before is None or after is None:
        if gvisor:  # whose clock of CPU time is made up
            return Finding("cpu", claim, True, "cannot be measured from here")
        had = float(saw["cpus"])
    else:
        had = (after - before) / (ended - began)
    return Finding("cpu", claim, had <= limit * _CPU_TOLERANCE, f"{had:.2f} CPUs")


def _judge(
    name: str,
    claim: str,
    saw: Saw,
    held: Callable[[Mapping[str, Any]], bool],
    words: Callable[[Mapping[str, Any]], str],
) -> Finding:
    if saw is None:
        return Finding(name, claim, False, "the canary ended instead of answering")
    return Finding(name, claim, held(saw), words(saw))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _output(canary: _Canary, space: OutputSpace, folder: Path) -> Finding:
    """Let a canary leave links and a flood in /output, and read it as any output is read."""
    claim = f"/output takes {space.size_mib} MiB; of what is left there only plain files are read."
    secret = folder / "secret"
    secret.write_text("not for containers", encoding="ascii")
    size = space.size_mib * _MIB
    saw = canary.ask("output", target=str(secret), bytes=2 * size)
    if saw is None:
        return Finding("output", claim, False, "the canary ended instead of answering")
    left = canary.box.read_output(dict.fromkeys(("plain", "link", "pipe"), _ANSWER_BYTES), folder).files
    read = {name: path.read_bytes() for name, path in sorted(left.items()) if isinstance(path, Path)}
    held = saw["bytes"] <= size and read == {"plain": b"plain"}
    return Finding("output", claim, held, f"written: {saw['bytes'] // _MIB} MiB; read: {_listed(read)}")


def _fork(saw: Saw, most: int, box: Box) -> Finding:
    claim = "Processes are limited."
    if saw is None:  # as gVisor does when it may have no more threads
        code = box.end(_END_SECONDS).exit_code
        return Finding("fork bomb", claim, code is not None, f"the container ended, exit code {code}")
    return Finding("fork bomb", claim, saw["children"] < most, f"{saw['children']} processes of {most} tried")


def _memory(saw: Saw, limits: Limits, box: Box) -> Finding:
    claim = f"{limits.memory_mib} MiB of memory are the limit."
    if saw is not None:
        return Finding("memory bomb", claim, False, f"{saw['mib']} MiB were used")
    end = box.end(_END_SECONDS)
    held = end.exit_code is not None
    return Finding("memory bomb", claim, held, "out of memory" if end.out_of_memory else f"exit code {end.exit_code}")


class Gate:
    """Lets work through only where a self-test has held; what has held is remembered for a day.

    `remembered` is a file of digests with times: of the engine, the runtime, the canaries' policy and their program.
    What did not hold is tried again, at most once a minute.
    """

    def __init__(
        self, host: Host, base: str, cpus: tuple[int, ...], remembered: Path, clock: Callable[[], float] = time.time
    ) -> None:
        """Name what is tested; nothing is asked yet."""
        self._host, self._base, self._cpus = host, base, cpus
        self._remembered, self._clock = remembered, clock
        self._lock = threading.Lock()
        self._refused: dict[Isolation, tuple[float, str]] = {}
        self._passed: dict[Isolation, float] = {}

    def check(self, isolation: Isolation) -> None:
        """Return when the runtime for that isolation holds its containers.

        Raises:
            SandboxRefused: It does not; the message says what is open.
            RunnerFault: It could not be tried.
        """
        with self._lock:
            now = self._clock()
            if now - self._passed.get(isolation, -math.inf) < _REMEMBER_SECONDS:
                return
            at, reason = self._refused.get(isolation, (-math.inf, ""))
            if now - at < _AGAIN_SECONDS:
                raise SandboxRefused(reason)
            key = self._key(isolation)
            if now - self._kept().get(key, -math.inf) >= _REMEMBER_SECONDS:
                self._try(isolation, now)
                self._keep(key, now)
            self._passed[isolation] = now

    def _try(self, isolation: Isolation, now: float) -> None:
        verdict = try_runtime(self._host, isolation, self._base, self._cpus)
        if not verdict.holds:
            self._refused[isolation] = (now, verdict.reason())
            raise SandboxRefused(verdict.reason())

    def _key(self, isolation: Isolation) -> str:
        runtime = self._host.runtime_for(isolation)
        engine = {name: value for name, value in runtime.engine.items() if name != "Runtimes"}
        facts = [engine, runtime.summary(), policy_of(self._host, runtime).digest, _PROGRAM.read_text(encoding="utf-8")]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _kept(self) -> dict[str, float]:
        try:
            kept = json.loads(self._remembered.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(key): float(at) for key, at in kept.items()}

    def _keep(self, key: str, now: float) -> None:
        young = {each: at for each, at in self._kept().items() if now - at < _REMEMBER_SECONDS}
        self._remembered.parent.mkdir(parents=True, exist_ok=True)
        part = self._remembered.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({**young, key: now}), encoding="ascii")
        part.replace(self._remembered)
