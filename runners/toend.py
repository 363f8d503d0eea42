"""What modes `batch` and `case` share: a container that runs over cases in /input to its end and leaves files.

Nothing is said to it: its stdin is at its end from the beginning, and what it writes to stdout is its log. Time is
charged from its start to its exit. What it left is read when it is dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runners.attach import Conversation, Ended
from runners.beside import Beside
from runners.container import Box, Launcher
from runners.engine import ContainerEnd
from runners.faults import AttemptCancelled, ContainerCannotStart
from runners.output import Files
from runners.shard import Canceller, ContainerRecord, ShardRun, Sink, seen_as_staged
from runners.stage import Stage, StagedCase
from runners.values import CaseInput, CaseResult, Detail, Limits, Outcome, exit_class

STARTS_IN_A_ROW = 2
"""Containers in a row without any answer that end a shard."""
_ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ran:
    """How a container went: what it ended in (None: it exited with 0), for how long it ran, and what it left."""

    outcome: Outcome | None
    why: str
    seconds: float
    files: Files
    full: bool

    def remove_files(self) -> None:
        """Remove what it left and nobody has kept."""
        for held in self.files.values():
            if isinstance(held, Path):
                held.unlink(missing_ok=True)


class ToEnd:
    """One shard whose containers run to their ends; the modes say which cases each one gets and what they ask for."""

    def __init__(
        self, cases: Sequence[CaseInput], limits: Limits, launcher: Launcher, stage: Stage, sink: Sink,
        *, beside: Beside, canceller: Canceller | None = None, on_open: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Name what to run; `sink` gets every case's result in order, `on_open` is called once a container runs."""
        self._cases = cases
        self._limits = limits
        self._launcher = launcher
        self._stage = stage
        self._sink = sink
        self._beside = beside
        self._canceller = canceller or Canceller()
        self._on_open = on_open
        self._spent = 0.0
        self._run = ShardRun()

    @property
    def record(self) -> ShardRun:
        """What is known so far; it grows while the shard runs."""
        return self._run

    def run(self) -> None:
        """Run all cases; every case gets its result, and no container stays.

        Raises:
            RunnerFault: The host failed; what the sink got is void.
            AttemptCancelled: Somebody cancelled.
        """
        raise NotImplementedError

    def _left(self) -> float:
        return self._limits.total_seconds - self._spent

    def _not_reached(self, cases: Sequence[str], why: str) -> dict[str, CaseResult]:
        return {case: CaseResult(case, Outcome.NOT_REACHED, detail=why) for case in cases}

    def _run_container(self, staged: Sequence[StagedCase], seconds: float, wanted: dict[str, int]) -> Ran | None:
        """Run one container over cases that are staged; None when the image itself cannot be started.

        The cases stay revealed: the modes discard or withdraw them.
        """
        self._canceller.check()
        record = ContainerRecord(cases=len(staged))
        verify = seen_as_staged(self._launcher.engine, self._stage, staged[0]) if not self._run.containers else None
        self._run.containers.append(record)
        revealed: list[StagedCase] = []

        def show(container: str) -> None:
            if verify is not None:
                verify(container)
            for case in staged:
                self._stage.reveal(case)
                revealed.append(case)

        try:
            box = self._launcher.launch(show, listens=False)
        except ContainerCannotStart:
            record.end = Detail.CANNOT_START
            for case in revealed:
                self._stage.withdraw(case)
            return None
        try:
            return self._see_it_out(box, record, seconds, wanted)
        finally:
            with suppress(AttemptCancelled):  # it is being closed already
                self._canceller.watch(None)
            box.close()

    def _see_it_out(self, box: Box, record: ContainerRecord, seconds: float, wanted: dict[str, int]) -> Ran:
        started = box.started_at
        self._run.keep_sandbox(box.manifest)
        self._canceller.watch(box.conversation)
        if self._on_open is not None:
            self._on_open()
            self._on_open = None
        box.conversation.end_input()
        end = self._await_exit(box, started + seconds)
        waited = time.monotonic() - started
        self._spent += min(waited, seconds)
        outcome, why = self._judge(box.conversation, end)
        record.end = why
        left = box.read_output(wanted, self._stage.left)
        return Ran(outcome, why, waited, left.files, full=left.full)

    def _await_exit(self, box: Box, deadline: float) -> ContainerEnd | None:
        """Wait for the container's exit; None when it did not come in time, or too much came before."""
        while (left := deadline - time.monotonic()) > 0:
            event = box.conversation.next_event(left)
            self._canceller.check()
            if not isinstance(event, Ended):
                continue
            if box.conversation.flooded:
                return None
            # A closed stdout is no exit.
            while (left := deadline - time.monotonic()) > 0:
                self._canceller.check()
                if (end := box.end(min(left, _ASK_AGAIN_SECONDS))).exit_code is not None:
                    return end
        return None

    def _judge(self, conversation: Conversation, end: ContainerEnd | None) -> tuple[Outcome | None, str]:
        if end is None or end.exit_code is None:
            if conversation.flooded:
                return Outcome.NO_ANSWER, Detail.STDOUT_FLOOD
            # All that was left of the shard's time was spent, or else the time of these cases.
            return Outcome.TIMED_OUT, Detail.CASE_SECONDS if self._left() > 0 else Detail.TOTAL_SECONDS
        if end.out_of_memory:
            return Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY
        return (None if end.exit_code == 0 else Outcome.CRASHED), exit_class(end.exit_code)
