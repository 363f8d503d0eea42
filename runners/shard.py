"""What every way of running a shard has in common: what is known of its run, who may end it, what it sees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runners.attach import Conversation
from runners.engine import Engine
from runners.faults import AttemptCancelled, EngineRefused
from runners.stage import Stage, StagedCase, compare_with_stage
from runners.values import CaseResult
from runners.volumes import is_absent

Sink = Callable[[CaseResult], None]


@dataclass(slots=True)
class ContainerRecord:
    """How one container went, for the manifest: never anything that it wrote."""

    startup_seconds: float | None = None
    cases: int = 0
    end: str = ""


@dataclass(slots=True)
class ShardRun:
    """What is known of a shard's run beside its cases.

    `sandbox` is what held the first container of which the kernel told, or else the first; `all_seen` says whether it
    told of every one.
    """

    containers: list[ContainerRecord] = field(default_factory=list)
    sandbox: dict[str, Any] = field(default_factory=dict)
    all_seen: bool = True

    def keep_sandbox(self, manifest: dict[str, Any]) -> None:
        """Keep what held a container: one that ends at once takes nothing of what was seen of another."""
        seen = bool(manifest["kernel"]["seen"])
        if not self.sandbox or (seen and not self.sandbox["kernel"]["seen"]):
            self.sandbox = manifest
        self.all_seen &= seen

    @property
    def startup_seconds(self) -> float | None:
        """Time from start to ready of the first container that became ready."""
        return next((each.startup_seconds for each in self.containers if each.startup_seconds is not None), None)


class Canceller:
    """Lets another thread end a shard's run at its next wait, or in the middle of one."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._conversation: Conversation | None = None

    def cancel(self) -> None:
        """End the run."""
        self._cancelled.set()
        if (conversation := self._conversation) is not None:
            conversation.interrupt()

    def watch(self, conversation: Conversation | None) -> None:
        """Name the conversation that a cancellation has to interrupt.

        Raises:
            AttemptCancelled: It was cancelled already.
        """
        self._conversation = conversation
        self.check()

    def check(self) -> None:
        """Raise if cancelled.

        Raises:
            AttemptCancelled: It was.
        """
        if self._cancelled.is_set():
            raise AttemptCancelled


def seen_as_staged(engine: Engine, stage: Stage, *cases: StagedCase) -> Callable[[str], None]:
    """Return a check that a container sees the cases as they were staged, and nothing of them afterwards."""

    def check(container: str) -> None:
        for case in cases:
            stage.reveal(case)
            try:
                compare_with_stage(case, engine.read_tar(container, case.path))
            except EngineRefused as refused:
                if not is_absent(refused):
                    raise
                compare_with_stage(case, None)
            finally:
                stage.withdraw(case)

    return check
