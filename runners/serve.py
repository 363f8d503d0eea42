"""Mode `serve` of the contract: one container, one request line for each case, one answer line back.

Here lines are cut, timed and counted, and nothing of an answer is read: what it says is for another room to parse.
Time is charged where the container has the floor: start-ups and open requests count towards `total_seconds`; the host's
own work between them does not, nor does the last container's end, which has `shutdown_seconds` of its own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from runners.attach import Conversation, Ended, Event, Interrupted, Line, Overlong
from runners.beside import Beside
from runners.container import Box, Launcher
from runners.faults import AttemptCancelled, ContainerCannotStart
from runners.output import Left
from runners.policy import INPUT
from runners.shard import Canceller, ContainerRecord, ShardRun, Sink, seen_as_staged
from runners.stage import Stage, StagedCase
from runners.values import CaseInput, CaseResult, Detail, Limits, Outcome, exit_class

_READY = re.compile(rb'[ \t]*\{[ \t]*"ready"[ \t]*:[ \t]*true[ \t]*\}[ \t\r]*')
_EXIT_GRACE_SECONDS = 5.0
"""How long after its stdout's end a container may take to exit before it counts as having closed it on purpose."""
_STARTS_IN_A_ROW = 2


class ServeShard:
    """Runs a shard's cases through containers in mode `serve`."""

    def __init__(
        self, cases: Sequence[CaseInput], limits: Limits, launcher: Launcher, stage: Stage, sink: Sink,
        *, beside: Beside, canceller: Canceller | None = None, on_open: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Name what to run; `sink` gets every case's result in order, `on_open` is called once a container runs.

        Files beside the answers are read when a container is dead: where some are asked for, `sink` waits for them.
        """
        self._beside = beside
        self._waiting: list[CaseResult] = []
        self._asked: list[str] = []
        self._left_by: dict[str, Left] = {}
        self._cases = cases
        self._limits = limits
        self._launcher = launcher
        self._stage = stage
        self._sink = sink
        self._canceller = canceller or Canceller()
        self._on_open = on_open
        self._box: Box | None = None
        self._staged: StagedCase | None = None
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
        try:
            self._run_cases()
        finally:
            if self._box is not None:
                self._close("stopped", read=False)
        for result in self._waiting:
            left = self._left_by.get(result.case, Left({}, full=False))
            self._sink(self._beside.attach(result, left.files, full=left.full))

    def _run_cases(self) -> None:
        pending: CaseResult | None = None
        index = 0
        while index < len(self._cases):
            if self._staged is None:
                self._staged = self._stage.prepare(self._cases[index], digests=not self._run.containers)
            if self._box is None and (why := self._open(self._staged)) is not None:
                self._flush(pending)
                self._give_up(index, why)
                return
            asked = self._ask(index)
            if asked is None:
                pending = self._close_unasked(pending)
                continue
            self._flush(pending)
            pending = asked
            index += 1
        if self._box is not None and self._box.conversation.unasked:
            pending = self._close_unasked(pending)
        self._flush(pending)
        self._finish()

    def _close_unasked(self, before: CaseResult | None) -> CaseResult | None:
        """End a container that spoke, or ended, while no request was open; bytes spoil its answer before, if any."""
        if self._box is not None and not self._box.conversation.unasked:
            self._close(self._died(self._box)[1])
            return before
        answered = self._run.containers[-1].cases > 0
        self._close(Detail.UNSOLICITED_OUTPUT)
        return _spoiled(before) if before is not None and answered else before

    def _flush(self, result: CaseResult | None) -> None:
        if result is None:
            return
        if self._beside.outputs:
            self._waiting.append(result)
        else:
            self._sink(result)

    def _give_up(self, index: int, why: str) -> None:
        for case in self._cases[index:]:
            self._flush(CaseResult(case.case, Outcome.NOT_REACHED, detail=why))

    def _left(self) -> float:
        return self._limits.total_seconds - self._spent

    def _open(self, first: StagedCase) -> str | None:
        """Bring up a container that is ready; return why not, when the shard has to end."""
        why: str = Detail.CANNOT_START
        for _ in range(_STARTS_IN_A_ROW):
            self._canceller.check()
            if len(self._run.containers) > self._limits.restarts:
                return Detail.RESTARTS
            if self._left() <= 0:
                return Detail.TOTAL_SECONDS
            failed = self._start(first)
            if failed is None:
                return None
            why = failed
        return why

    def _start(self, first: StagedCase) -> str | None:
        """Start one container and wait for its ready line; return why it is not ready."""
        check = None
        if not self._run.containers:
            check = seen_as_staged(self._launcher.engine, self._stage, first)
        record = ContainerRecord()
        self._run.containers.append(record)
        try:
            box = self._box = self._launcher.launch(check)
        except ContainerCannotStart:
            record.end = Detail.CANNOT_START
            return Detail.CANNOT_START
        started = box.started_at
        self._run.keep_sandbox(box.manifest)
        self._canceller.watch(box.conversation)
        if self._on_open is not None:
            self._on_open()
            self._on_open = None
        limit = min(self._limits.startup_seconds, self._left())
        event = self._await(box.conversation, started + limit)
        waited = max(0.0, (event.at if event is not None else time.monotonic()) - started)
        self._spent += waited
        if isinstance(event, Line) and waited <= limit and _READY.fullmatch(event.content):
            record.startup_seconds = waited
            return None
        why = self._why_not_ready(box, event, waited > limit)
        self._close(why)
        return why

    def _why_not_ready(self, box: Box, event: Line | Overlong | Ended | None, late: bool) -> str:
        if event is None or late:
            return Detail.STARTUP_SECONDS
        if isinstance(event, Ended):
            return self._died(box)[1]
        return Detail.NOT_READY_LINE

    def _ask(self, index: int) -> CaseResult | None:
        """Put one case to the container; None when it had spoken, or ended, before it was asked."""
        box, staged = self._box, self._staged
        if box is None or staged is None:
            msg = "a case was asked without container or study"
            raise RuntimeError(msg)
        self._stage.reveal(staged)
        asked_at = box.conversation.open_line(self._limits.answer_kib * 1024)
        if asked_at is None:
            self._stage.withdraw(staged)
            return None
        limit = min(self._limits.case_seconds, self._left())
        box.conversation.send(_request(staged.name), limit)
        self._run.containers[-1].cases += 1
        self._asked.append(staged.name)
        self._staged = None
        if index + 1 < len(self._cases):
            self._staged = self._stage.prepare(self._cases[index + 1])
        event = self._await(box.conversation, asked_at + limit)
        waited = (event.at if event is not None else time.monotonic()) - asked_at
        self._spent += min(waited, limit)
        result = self._judge(box, staged.name, event, waited, limit)
        self._stage.discard(staged)
        return result

    def _await(self, conversation: Conversation, deadline: float) -> Line | Overlong | Ended | None:
        event: Event | None = conversation.next_event(deadline - time.monotonic())
        if isinstance(event, Interrupted):
            self._canceller.check()
        return None if isinstance(event, Interrupted) else event

    def _judge(
        self, box: Box, case: str, event: Line | Overlong | Ended | None, waited: float, limit: float
    ) -> CaseResult:
        """Turn what came, or did not, into the case's result; end the container where it cannot be trusted any more."""
        if event is None or waited > limit:
            why: str = Detail.CASE_SECONDS if limit == self._limits.case_seconds else Detail.TOTAL_SECONDS
            self._close(why)
            return CaseResult(case, Outcome.TIMED_OUT, detail=why)
        if isinstance(event, Overlong):
            self._close(Detail.OVERLONG_LINE)
            return CaseResult(case, Outcome.INVALID_ANSWER, waited, detail=Detail.OVERLONG_LINE)
        if isinstance(event, Ended):
            outcome, why = self._died(box)
            self._close(why)
            return CaseResult(case, outcome, detail=why)
        result = CaseResult(case, Outcome.OK, waited, event.content)
        if event.trailing:
            self._close(Detail.BYTES_AFTER_ANSWER)
            return _spoiled(result)
        return result

    def _died(self, box: Box) -> tuple[Outcome, str]:
        """Say what a container's end of output means."""
        end = box.end(_EXIT_GRACE_SECONDS)
        if end.exit_code is None:
            return Outcome.NO_ANSWER, Detail.STDOUT_CLOSED
        if end.out_of_memory:
            return Outcome.OUT_OF_MEMORY, Detail.OUT_OF_MEMORY
        return (Outcome.NO_ANSWER if end.exit_code == 0 else Outcome.CRASHED), exit_class(end.exit_code)

    def _finish(self) -> None:
        """Close the last container's input and let it exit by itself."""
        if (box := self._box) is None:
            return
        box.conversation.end_input()
        end = box.end(self._limits.shutdown_seconds)
        self._close("shutdown_seconds" if end.exit_code is None else exit_class(end.exit_code))

    def _close(self, why: str, *, read: bool = True) -> None:
        box, self._box = self._box, None
        self._run.containers[-1].end = why
        with suppress(AttemptCancelled):  # it is being closed already
            self._canceller.watch(None)
        asked, self._asked = self._asked, []
        if box is None:
            return
        try:
            if read and self._beside.outputs and asked:
                self._left_by |= dict.fromkeys(asked, box.read_output(self._beside.wanted(asked), self._stage.left))
        finally:
            box.close()


def _spoiled(result: CaseResult) -> CaseResult:
    """An answer with bytes behind it is no answer of the contract."""
    if result.outcome is not Outcome.OK:
        return result
    return CaseResult(result.case, Outcome.INVALID_ANSWER, result.latency_seconds, None, Detail.BYTES_AFTER_ANSWER)


def _request(case: str) -> bytes:
    return json.dumps({"case": case, "path": f"{INPUT}/{case}"}).encode() + b"\n"
