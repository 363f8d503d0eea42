"""The dispatcher: the one place that decides what runs and whose result is accepted.

Each step reads the durable queue, asks the runner, and writes short guarded transactions, so that it may be killed
anywhere and another one goes on from the rows: an attempt's row stands before its container, a receipt before its
acceptance. What is accepted is settled (recorded and scored) by arena/evaluation/settle.py.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.errors import IllegalTransition
from arena.evaluation.plan import plan_shards
from arena.store import queue
from arena.store.session import Store
from arena.store.tables import Attempt, AttemptState, CaseSet, ChallengeVersion, Shard, Split, Submission
from runners.protocol import Observe, Runner, unobserved
from runners.values import AttemptId, AttemptSpec, BlobRef, CaseInput, Isolation, Receipt, ShardId, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the host bears with itself."""

    lease_seconds: float = 60.0
    host_retries: int = 3


class Dispatcher:
    """Moves attempts between the durable queue and one runner; one of it at a time (arena/store/lock.py)."""

    def __init__(
        self,
        store: Store,
        results: BlobStore,
        runner: Runner,
        *,
        clock: Callable[[], datetime],
        patience: Patience = Patience(),
        observe: Observe = unobserved,
    ) -> None:
        """Take what it works with; `clock` returns aware UTC times."""
        self._store = store
        self._results = results
        self._runner = runner
        self._clock = clock
        self._patience = patience
        self._observe = observe

    def step(self) -> bool:
        """Collect what has ended, plan what is new, fill free slots; say whether anything changed."""
        collected = self._collect()
        planned = self._plan()
        filled = self._fill()
        return collected or planned or filled

    def _collect(self) -> bool:
        with self._store.read() as session:
            opened = queue.open_attempts(session)
        if not opened:
            return False
        # The status is asked before the receipt is read: an attempt that ends in between shows its receipt.
        statuses = self._runner.status([AttemptId(attempt.id) for attempt, _ in opened])
        changed = False
        for attempt, shard in opened:
            receipt = self._receipt(attempt.id)
            if receipt is not None:
                self._close(attempt, shard, receipt)
                changed = True
            else:
                changed |= self._keep_or_lose(attempt, shard, statuses.get(AttemptId(attempt.id), Status.GONE))
        return changed

    def _receipt(self, attempt_id: str) -> Receipt | None:
        content = self._results.get_named(f"receipts/{attempt_id}.json")
        if content is None:
            return None
        fields = json.loads(content)
        output, log = fields.pop("output"), fields.pop("log", None)
        return Receipt(
            **fields,
            output=None if output is None else BlobRef(**output),
            log=None if log is None else BlobRef(**log),
        )

    def _close(self, attempt: Attempt, shard: Shard, receipt: Receipt) -> None:
        if receipt.output is None:
            self._give_up(attempt, shard, AttemptState.FAULTED, receipt.host_fault or "no output")
            return
        with self._store.write() as session:
            queue.accept(session, ShardId(shard.id), AttemptId(attempt.id), receipt, self._clock())
            session.flush()
            self._observe("accepting", attempt.id)
        log.info("attempt_accepted", extra={"attempt": attempt.id, "shard": shard.id})

    def _keep_or_lose(self, attempt: Attempt, shard: Shard, status: Status) -> bool:
        now = self._clock()
        if status is Status.GONE:
            self._give_up(attempt, shard, AttemptState.LOST, "the runner no longer knows the attempt")
            return True
        if status is Status.UNKNOWN:
            if now < attempt.lease_until:
                return False
            self._runner.cancel(AttemptId(attempt.id))
            self._give_up(attempt, shard, AttemptState.LOST, "its runner could not be asked until the lease ended")
            return True
        lease = timedelta(seconds=self._patience.lease_seconds)
        if attempt.lease_until - now < lease / 2:
            with self._store.write() as session:
                queue.renew_lease(session, attempt.id, now + lease)
        return False

    def _give_up(self, attempt: Attempt, shard: Shard, state: AttemptState, reason: str) -> None:
        with self._store.write() as session:
            goes_on = queue.give_up(
                session,
                attempt,
                shard,
                state,
                reason,
                now=self._clock(),
                host_retries=self._patience.host_retries,
            )
        fields = {"attempt": attempt.id, "shard": shard.id, "reason": reason, "goes_on": goes_on}
        log.warning("attempt_given_up", extra=fields)

    def _plan(self) -> bool:
        with self._store.read() as session:
            queued = queue.unplanned(session)
        for evaluation in queued:
            with self._store.write() as session:
                version = session.get_one(ChallengeVersion, evaluation.challenge_version)
                limits = Declaration.model_validate(version.declaration).limits
                names = queue.case_names(session, evaluation.case_set_digest)
                for number, shard_names in enumerate(plan_shards(names, limits.cases_per_shard), start=1):
                    queue.add_shard(session, evaluation.code, number, queue.MAIN, shard_names)
        return bool(queued)

    def _fill(self) -> bool:
        started = False
        for _slot in self._runner.slots():
            with self._store.read() as session:
                offers = queue.waiting(session)
                running = [shard.kind for _, shard in queue.open_attempts(session)]
            if not offers or not _may_start(offers[0].shard, running):
                break
            self._start(offers[0])
            started = True
        return started

    def _start(self, offer: queue.Offer) -> None:
        attempt_id = AttemptId(uuid.uuid4().hex)
        try:
            with self._store.write() as session:
                queue.start_attempt(
                    session, offer.shard, attempt_id, now=self._clock(), lease_seconds=self._patience.lease_seconds
                )
                spec = _spec(session, offer, attempt_id)
        except IllegalTransition as ended:  # by the organiser's word, since it was offered
            log.info("offer_gone", extra={"shard": offer.shard.id, "reason": str(ended)})
            return
        self._observe("attempt_written", attempt_id)
        self._runner.submit(spec)
        log.info("attempt_submitted", extra={"attempt": attempt_id, "shard": offer.shard.id})


def _may_start(shard: Shard, running_kinds: list[str]) -> bool:
    # A second try of timed-out cases runs alone, so that no neighbour can be blamed for its time.
    if shard.kind == queue.RERUN:
        return not running_kinds
    return queue.RERUN not in running_kinds


def _spec(session: Session, offer: queue.Offer, attempt_id: AttemptId) -> AttemptSpec:
    """Say what the runner must run: opaque case names and blobs, no label, no patient."""
    evaluation, shard = offer.evaluation, offer.shard
    submission = session.get_one(Submission, evaluation.submission_code)
    version = session.get_one(ChallengeVersion, evaluation.challenge_version)
    declaration = Declaration.model_validate(version.declaration)
    cases = queue.cases_of(session, evaluation.case_set_digest, shard.case_names)
    case_set = session.get_one(CaseSet, evaluation.case_set_digest)
    return AttemptSpec(
        attempt_id=attempt_id,
        shard_id=ShardId(shard.id),
        image=BlobRef(submission.image_sha256, submission.image_size_bytes),
        image_id=submission.image_id,
        cases=tuple(CaseInput(case.name, BlobRef(case.study_sha256, case.study_size_bytes)) for case in cases),
        limits=declaration.limits.to_limits(),
        mode=submission.mode,
        exclusive=shard.kind == queue.RERUN,
        isolation=Isolation(declaration.isolation),
        outputs=tuple(output.to_file() for output in declaration.outputs),
        layout=declaration.sockets.to_layout() if declaration.sockets and submission.mode == "case" else None,
        keep_log=case_set.split == Split.SAMPLE,
    )
