"""Settling: an evaluation whose shards are all accepted is recorded, then scored, both in the scoring child.

The same steps may be begun twice after a crash; their files are content-addressed and their rows guarded, so the
second time changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from typing import Any

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.errors import HostError
from arena.evaluation.child import ScoringChild
from arena.evaluation.jobs import score_job
from arena.evaluation.judging import RecordJob, record_evaluation, score_evaluation
from arena.evaluation.output_kinds import OutputKind
from arena.evaluation.outputs import DeclaredOutput
from arena.evaluation.plan import plan_shards
from arena.evaluation.record import Record, ShardLines, canonical_json, sandboxes_of
from arena.store import queue
from arena.store.documents import ScorecardDocument
from arena.store.scorecards import add_scorecard
from arena.store.session import Store, transition
from arena.store.tables import ChallengeVersion, Evaluation, EvaluationState
from runners.protocol import Observe, unobserved
from runners.values import BlobRef

log = logging.getLogger(__name__)

_TRIES = 3


class Settler:
    """Records and scores what has run; `scored` collects the phases whose leaderboards have changed."""

    def __init__(
        self,
        store: Store,
        results: BlobStore,
        references: BlobStore,
        child: ScoringChild,
        *,
        clock: Callable[[], datetime],
        doorbell: Callable[[], None] = lambda: None,
        observe: Observe = unobserved,
    ) -> None:
        """Take what it works with; `doorbell` is rung when the child has finished something."""
        self._store = store
        self._results = results
        self._references = references
        self._child = child
        self._clock = clock
        self._doorbell = doorbell
        self._observe = observe
        self._pending: dict[str, Future[Any]] = {}
        self._tries: dict[str, int] = {}
        self.scored: set[tuple[str, str]] = set()

    @property
    def busy(self) -> bool:
        """Whether the child still works on something that this settler gave it."""
        return bool(self._pending)

    def step(self) -> bool:
        """Take what the child has finished and give it what is ready; say whether anything changed."""
        finished = [code for code, future in self._pending.items() if future.done()]
        for code in finished:
            self._take(code, self._pending.pop(code))
        with self._store.read() as session:
            ready = queue.complete(session) + queue.in_state(session, EvaluationState.RECORDED)
        begun = [evaluation for evaluation in ready if evaluation.code not in self._pending]
        for evaluation in begun:
            self._begin(evaluation)
        return bool(finished or begun)

    def _begin(self, evaluation: Evaluation) -> None:
        with self._store.read() as session:
            try:
                if evaluation.state == EvaluationState.RUNNING:
                    future: Future[Any] = self._child.submit(
                        record_evaluation, _record_job(session, self._results, evaluation)
                    )
                else:
                    self._observe("scoring", evaluation.code)
                    version = session.get_one(ChallengeVersion, evaluation.challenge_version)
                    job = score_job(session, self._results, self._references, evaluation, version=version)
                    future = self._child.submit(score_evaluation, job)
            except BrokenProcessPool:
                self._child.discard()
                return
        self._pending[evaluation.code] = future
        future.add_done_callback(lambda _future: self._doorbell())

    def _take(self, code: str, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._failed(code, error)
            return
        result = future.result()
        if isinstance(result, Record):
            self._keep_record(code, result)
        elif isinstance(result, tuple):
            self._run_once_more(code, result)
        else:
            self._keep_scorecard(code, result)

    def _failed(self, code: str, error: BaseException) -> None:
        if isinstance(error, BrokenProcessPool):
            self._child.discard()
        self._tries[code] = self._tries.get(code, 0) + 1
        again = isinstance(error, HostError | BrokenProcessPool) and self._tries[code] < _TRIES
        log.error("settling_failed", exc_info=error, extra={"evaluation": code, "again": again})
        if again:
            return
        with self._store.write() as session:
            state = EvaluationState(session.get_one(Evaluation, code).state)
            reason = f"scoring failed ({type(error).__name__})"
            transition(session, Evaluation, code, expected=state, to=EvaluationState.HELD, held_reason=reason)

    def _keep_record(self, code: str, record: Record) -> None:
        with self._store.read() as session:
            outputs = queue.outputs(session, code)
        policies = {output.result.policy_digest for output in outputs}
        sandboxes = sandboxes_of(output.result.manifest for output in outputs)
        stored = self._results.put(canonical_json(sandboxes))
        self._observe("recorded", code)
        with self._store.write() as session:
            transition(
                session,
                Evaluation,
                code,
                expected=EvaluationState.RUNNING,
                to=EvaluationState.RECORDED,
                cases_sha256=record.cases_sha256,
                predictions_sha256=record.predictions_sha256,
                outcome_counts=record.outcome_counts,
                ending_counts=record.ending_counts,
                outputs_sha256=record.outputs_sha256,
                output_counts=record.output_counts or None,
                policy_digest=",".join(sorted(policies)),
                sandbox_sha256=stored.sha256,
                sandboxes=sandboxes,
            )

    def _run_once_more(self, code: str, names: tuple[str, ...]) -> None:
        with self._store.write() as session:
            evaluation = session.get_one(Evaluation, code)
            shards = len(queue.outputs(session, code))
            limits = _declaration(session, evaluation).limits
            for number, part in enumerate(plan_shards(names, limits.cases_per_shard), start=shards + 1):
                queue.add_shard(session, code, number, queue.RERUN, part)

    def _keep_scorecard(self, code: str, content: bytes) -> None:
        document = ScorecardDocument.model_validate_json(content)
        ref = self._results.put(content)
        self._observe("scorecard_stored", code)
        with self._store.write() as session:
            add_scorecard(session, document, ref.sha256, self._clock())
            transition(
                session,
                Evaluation,
                code,
                expected=EvaluationState.RECORDED,
                to=EvaluationState.SCORED,
                ended_at=self._clock(),
            )
        self.scored.add((document.challenge, document.phase))
        log.info("evaluation_scored", extra={"evaluation": code})


def _declaration(session: Session, evaluation: Evaluation) -> Declaration:
    version = session.get_one(ChallengeVersion, evaluation.challenge_version)
    return Declaration.model_validate(version.declaration)


def _record_job(session: Session, results: BlobStore, evaluation: Evaluation) -> RecordJob:
    outputs = queue.outputs(session, evaluation.code)

    def lines(kind: str) -> tuple[ShardLines, ...]:
        return tuple(
            ShardLines(
                output.result.attempt_id,
                tuple(output.shard.case_names),
                BlobRef(output.result.output_sha256, output.result.output_size_bytes),
            )
            for output in outputs
            if output.shard.kind == kind
        )

    declared = _declaration(session, evaluation)
    findings = tuple(finding.code for finding in declared.findings)
    files = tuple(DeclaredOutput(each.name, OutputKind(each.kind)) for each in declared.outputs)
    return RecordJob(results.root, findings, main=lines(queue.MAIN), rerun=lines(queue.RERUN), outputs=files)
