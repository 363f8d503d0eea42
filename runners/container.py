"""One container from create to remove, inside the sandbox, whatever it does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runners.attach import LOG_BYTES, Conversation
from runners.engine import ContainerEnd, Engine
from runners.faults import (
    ContainerCannotStart,
    EngineRefused,
    EngineUnavailable,
    HostOutOfMemory,
    RunnerFault,
    SandboxRefused,
)
from runners.images.holder import build_holder
from runners.keptlog import ContainerLog, KeptLog
from runners.kernel import Window, differences, has_swap
from runners.oom import OomCounter
from runners.output import Left, OutputFolder, unlike_asked
from runners.podman import read_back_bundle
from runners.policy import Placement, SandboxPolicy
from runners.readback import read_back
from runners.shims import reap_shims, remove_groups

_log = logging.getLogger(__name__)

_READY_LINE_BYTES = 256
_KILL_SECONDS = 30.0
LAUNCHES = 2
"""Refusals in a row, each with a container of ours started in between, after which an image is charged."""

Place = Callable[[], Placement]
Check = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts containers of one image under one policy; `place` gives each its own identity.

    `program` runs in place of the image's own; `window` is where the kernel is asked what holds a started container;
    `log` keeps of each container what it writes to stderr, where the attempt asks for it. A `submitted` image is a
    vendor's, of which nobody knows whether any engine starts it: whose fault a refusal is, a container of ours tells.
    """

    engine: Engine
    policy: SandboxPolicy
    image_id: str
    place: Place
    program: tuple[str, ...] = ()
    window: Window = field(default_factory=Window)
    holder_image: str = ""
    log: KeptLog | None = None
    submitted: bool = False

    def launch(self, check: Check | None = None, *, listens: bool = True) -> Box:
        """Create a container, read its sandbox back, check what it will see, attach, start.

        Args:
            check: Called with the container's id before it is started; what it raises refuses the run.
            listens: Whether its first line on stdout is asked for; otherwise all of it is a log.

        Raises:
            ContainerCannotStart: The image's own fault: the engine says so, or it refuses this image's containers, or
                holds them otherwise than asked, every time, and in between starts one of ours as asked.
            RunnerFault: The host's fault.
        """
        if not self.submitted:
            return self._launch(check, listens=listens)
        check_once = None if check is None else _once(check)
        for number in range(1, LAUNCHES + 1):
            try:
                return self._launch(check_once, listens=listens)
            except (EngineRefused, SandboxRefused) as refused:
                last = refused
            _log.warning("container_refused", extra={"image": self.image_id, "number": number, "reason": str(last)})
            self._launch_ours(last)
        raise ContainerCannotStart(str(last)) from last

    def _launch_ours(self, refused: RunnerFault) -> None:
        """Start a container of ours, in everything but its image as the one that was refused, and end it.

        Raises:
            RunnerFault: What was refused before: this is refused as well, so it is the host's fault.
        """
        try:
            image = self.holder_image or build_holder(self.engine)
            ours = replace(self, image_id=image, program=(), log=None, submitted=False)
            ours.launch(listens=False).close()
        except (RunnerFault, ContainerCannotStart) as fault:
            raise refused from fault

    def _launch(self, check: Check | None, *, listens: bool) -> Box:
        placement = self.place()
        output = None
        if self.policy.output is not None:
            output = OutputFolder.make(
                self.engine, self.policy.output, uid=placement.uid, labels=dict(placement.labels),
                holder_image=self.holder_image,
            )  # fmt: skip
            placement = replace(placement, output_volume=output.name)
        request = self.policy.request(self.image_id, placement)
        if self.program:
            request["Entrypoint"] = list(self.program)
        try:
            box = Box(self.engine, self.engine.create(request), output)
        except BaseException:
            if output is not None:
                output.close()
            raise
        try:
            box.manifest = self._read_back(request, box)
            if check is not None:
                check(box.container)
            box.start(listens=listens, log=None if self.log is None else self.log.container())
            box.manifest["kernel"] = self._look(request, box)
        except BaseException:
            box.close()
            raise
        return box

    def _look(self, request: Mapping[str, Any], box: Box) -> dict[str, Any]:
        """Return what the kernel says of a container that runs.

        Raises:
            SandboxRefused: It says something else than what was asked for.
        """
        pid = int(self.engine.inspect(box.container)["State"].get("Pid") or 0)
        seen = self.window.observe(pid, box.container)
        found = differences(request, seen, gvisor=self.policy.gvisor, swap=has_swap(self.window.proc))
        if self.policy.output is not None and not self.policy.gvisor:
            found += unlike_asked(self.policy.output, seen)
        if found:
            msg = "The kernel holds the container otherwise than asked: " + "; ".join(found)
            raise SandboxRefused(msg)
        return seen

    def _read_back(self, request: Mapping[str, Any], box: Box) -> dict[str, Any]:
        if not self.engine.is_podman():
            return read_back(request, self.engine.inspect(box.container))
        inspected, bundle = self.engine.set_up(box.container)
        box.memory = OomCounter(int(inspected["State"]["Pid"]), box.container)
        return read_back_bundle(request, inspected, bundle)


def _once(check: Check) -> Check:
    """Return a check that is made until it has passed: what it reveals to containers then stays."""
    passed = False

    def checked(container: str) -> None:
        nonlocal passed
        if not passed:
            check(container)
            passed = True

    return checked


class Box:
    """A created container; `close` leaves nothing of it."""

    def __init__(self, engine: Engine, container: str, output: OutputFolder | None = None) -> None:
        """Take over a container that has been created, with what is mounted at its /output."""
        self._output = output
        self._stopped = False
        self._engine = engine
        self.container = container
        self.manifest: dict[str, Any] = {}
        self.memory: OomCounter | None = None
        self._conversation: Conversation | None = None
        self._waiter: threading.Thread | None = None
        self._exited = threading.Event()
        self._wait_fault: RunnerFault | None = None
        self.exit_code: int | None = None
        self.started_at = 0.0

    @property
    def conversation(self) -> Conversation:
        """The container's stdin and stdout."""
        if self._conversation is None:
            msg = "the container has not been started"
            raise ContainerCannotStart(msg)
        return self._conversation

    def start(self, *, listens: bool = True, log: ContainerLog | None = None) -> None:
        """Join the container's stdin and stdout, ask for its first line if it `listens`, and start it.

        Where there is a `log`, its stderr goes there, and its stdout where that is a log.

        Raises:
            ContainerCannotStart: The image's own fault.
            RunnerFault: The host's fault.
        """
        joined = self._engine.attach(self.container, stderr=log is not None)
        if listens:
            self._conversation = Conversation(joined, log=log)
            self._conversation.open_line(_READY_LINE_BYTES)
        else:
            self._conversation = Conversation(joined, unasked_bytes=LOG_BYTES, log=log, stdout_too=True)
        self._engine.start(self.container)
        self.started_at = time.monotonic()
        # The answer to a wait that was asked while the container ran tells its exit from the engine's own end.
        self._waiter = threading.Thread(target=self._wait, name="arena-wait", daemon=True)
        self._waiter.start()
        if self.memory is None:
            pid = int(self._engine.inspect(self.container)["State"].get("Pid") or 0)
            self.memory = OomCounter(pid, self.container)

    def end(self, seconds: float) -> ContainerEnd:
        """Wait for the container's exit, at most so long, and say how it stands.

        Raises:
            EngineUnavailable: The engine went away, so that nobody knows.
            HostOutOfMemory: It was killed for memory that others used.
        """
        # Asked first: the counters go soon after the container.
        killed, for_others = self._killed_for_memory()
        if self._exited.wait(max(0.0, seconds)) and self._wait_fault is not None:
            raise self._wait_fault
        end = self._engine.end_of(self.container)
        if not killed:
            killed, for_others = self._killed_for_memory()
        out_of_memory = end.out_of_memory or killed
        if out_of_memory and for_others and end.exit_code is not None:
            raise HostOutOfMemory
        return replace(end, out_of_memory=out_of_memory)

    def _killed_for_memory(self) -> tuple[bool, bool]:
        """Say whether the kernel killed for memory so far, and whether it was not the container's own."""
        if self.memory is None:
            return False, False
        return self.memory.has_killed(), self.memory.was_for_others()

    def read_output(self, wanted: Mapping[str, int], folder: Path) -> Left:
        """End the container and copy what it left in its /output to a folder, as `OutputFolder.read` does.

        Raises:
            RunnerFault: The container could not be ended, or the engine does not hand the files over.
        """
        self._stop()
        return Left({}, full=False) if self._output is None else self._output.read(wanted, folder)

    def close(self) -> None:
        """Close the socket, kill, wait for the exit, remove, and remove what was mounted at /output.

        Raises:
            RunnerFault: The engine could not do it; labels let what is left be found later.
        """
        try:
            self._stop()
        finally:
            output, self._output = self._output, None
            if output is not None:
                output.close()

    def _stop(self) -> None:
        if self._stopped:
            return
        try:
            if self._conversation is not None:
                self._conversation.close()
        finally:
            if self.memory is not None:
                self.memory.close()
            if self._waiter is not None and not self._exited.is_set():
                self._engine.kill(self.container)
                if not self._exited.wait(_KILL_SECONDS):
                    msg = f"A killed container did not end within {_KILL_SECONDS:.0f} s."
                    raise EngineUnavailable(msg)
            self._engine.remove(self.container)
            if self._conversation is not None and self._waiter is None:  # its start failed
                reap_shims(self.container)
                remove_groups(self.container)
            self._stopped = True

    def _wait(self) -> None:
        try:
            self.exit_code = self._engine.wait(self.container)
        except RunnerFault as fault:
            self._wait_fault = fault
        finally:
            self._exited.set()
            self._engine.close()  # this thread's connection
