"""One container from create to remove, inside the sandbox, whatever it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runners.attach import Conversation
from runners.engine import ContainerEnd, Engine
from runners.faults import ContainerCannotStart, EngineUnavailable, RunnerFault
from runners.oom import OomCounter
from runners.podman import read_back_bundle
from runners.policy import Placement, SandboxPolicy
from runners.readback import read_back

_READY_LINE_BYTES = 256
_KILL_SECONDS = 30.0

Place = Callable[[], Placement]
Check = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts containers of one image under one policy; `place` gives each its own identity."""

    engine: Engine
    policy: SandboxPolicy
    image_id: str
    place: Place

    def launch(self, check: Check | None = None) -> Box:
        """Create a container, read its sandbox back, check what it will see, attach, start.

        Args:
            check: Called with the container's id before it is started; what it raises refuses the run.

        Raises:
            ContainerCannotStart: The image's own fault.
            RunnerFault: The host's fault.
        """
        request = self.policy.request(self.image_id, self.place())
        box = Box(self.engine, self.engine.create(request))
        try:
            box.manifest = self._read_back(request, box)
            if check is not None:
                check(box.container)
            box.start()
        except BaseException:
            box.close()
            raise
        return box

    def _read_back(self, request: Mapping[str, Any], box: Box) -> dict[str, Any]:
        if not self.engine.is_podman():
            return read_back(request, self.engine.inspect(box.container))
        inspected, bundle = self.engine.set_up(box.container)
        box.memory = OomCounter(int(inspected["State"]["Pid"]))
        return read_back_bundle(request, inspected, bundle)


class Box:
    """A created container; `close` leaves nothing of it."""

    def __init__(self, engine: Engine, container: str) -> None:
        """Take over a container that has been created."""
        self._engine = engine
        self.container = container
        self.manifest: dict[str, Any] = {}
        self.memory: OomCounter | None = None
        self._conversation: Conversation | None = None
        self._waiter: threading.Thread | None = None
        self._exited = threading.Event()
        self._wait_fault: RunnerFault | None = None
        self.exit_code: int | None = None

    @property
    def conversation(self) -> Conversation:
        """The container's stdin and stdout."""
        if self._conversation is None:
            msg = "the container has not been started"
            raise ContainerCannotStart(msg)
        return self._conversation

    def start(self) -> None:
        """Join the container's stdin and stdout, ask for its first line, and start it.

        Raises:
            ContainerCannotStart: The image's own fault.
            RunnerFault: The host's fault.
        """
        self._conversation = Conversation(self._engine.attach(self.container))
        self._conversation.open_line(_READY_LINE_BYTES)
        self._engine.start(self.container)
        # The answer to a wait that was asked while the container ran tells its exit from the engine's own end.
        self._waiter = threading.Thread(target=self._wait, name="arena-wait", daemon=True)
        self._waiter.start()

    def end(self, seconds: float) -> ContainerEnd:
        """Wait for the container's exit, at most so long, and say how it stands.

        Raises:
            EngineUnavailable: The engine went away, so that nobody knows.
        """
        # Asked first: the counter goes soon after the container.
        killed = self.memory is not None and self.memory.has_killed()
        if self._exited.wait(max(0.0, seconds)) and self._wait_fault is not None:
            raise self._wait_fault
        end = self._engine.end_of(self.container)
        return replace(end, out_of_memory=end.out_of_memory or killed)

    def close(self) -> None:
        """Close the socket, kill, wait for the exit, remove.

        Raises:
            RunnerFault: The engine could not do it; the container's labels let it be found later.
        """
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

    def _wait(self) -> None:
        try:
            self.exit_code = self._engine.wait(self.container)
        except RunnerFault as fault:
            self._wait_fault = fault
        finally:
            self._exited.set()
            self._engine.close()  # this thread's connection
