"""What the vendor of a submission is told of its runs beside the board: counts, and of sample sets its own log.

Of hidden cases nothing but counts out of closed lists is told, and of a final set not even those before the final is
published. A log can carry pixels, so there is none of hidden cases: the runner keeps none, and nobody is shown one.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from sqlmodel import Session

from arena.blobs import BlobStore
from arena.challenge.phases import BoundaryAction
from arena.challenge.schema import Declaration
from arena.errors import LogSealed, NotFound
from arena.evaluation.endings import told_bits
from arena.store.reading import find_submission, is_done
from arena.store.rulings import ruling_of
from arena.store.tables import CaseSet, ChallengeVersion, Evaluation, EvaluationState, Split
from arena.store.told import evaluations_of, logs_of


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one evaluation; the counts are None until they may be.

    `bits` bounds what all counts together can carry, whatever the container does; it is 0 for a sample set, whose
    cases are no secret. `ruling` and `reason` say why an evaluation ended without a score.
    """

    evaluation: str
    phase: str
    state: str
    split: str
    n_cases: int
    endings: dict[str, int] | None
    files: dict[str, dict[str, int]] | None
    bits: int
    ruling: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerText:
    """What was kept of what one container wrote: hostile bytes, to be shown by `plain_log.sanitised` alone."""

    phase: str
    shard: int
    container: int
    head: bytes
    left_out_bytes: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class KeptLogs:
    """The logs of a submission's sample runs, and how many containers beyond the limit have left none."""

    containers: tuple[ContainerText, ...]
    not_kept: int


def tell(session: Session, submission: str) -> list[Told]:
    """Return what the vendor is told of each evaluation of a submission.

    Raises:
        NotFound: There is no such submission.
    """
    return [_told(session, *row) for row in _evaluations(session, submission)]


def kept_logs(session: Session, results: BlobStore, submission: str) -> KeptLogs:
    """Return what containers wrote in the runs of a submission on sample sets.

    Raises:
        NotFound: There is no such submission.
        LogSealed: All of its runs are on hidden cases.
        BlobCorrupt: A log is not there any more.
    """
    rows = _evaluations(session, submission)
    open_to_vendor = [evaluation for evaluation, case_set, _ in rows if case_set.split == Split.SAMPLE]
    if not open_to_vendor:
        raise LogSealed(submission=submission)
    found: list[ContainerText] = []
    not_kept = 0
    for evaluation in open_to_vendor:
        for shard, digest in logs_of(session, evaluation.code):
            document = json.loads(results.get(digest))
            not_kept += document["not_kept"]
            found += [
                ContainerText(
                    evaluation.phase,
                    shard,
                    number,
                    base64.b64decode(each["head"], validate=True),
                    each["left_out_bytes"],
                    base64.b64decode(each["tail"], validate=True),
                )
                for number, each in enumerate(document["containers"], start=1)
            ]
    return KeptLogs(tuple(found), not_kept)


def _evaluations(session: Session, submission: str) -> list[tuple[Evaluation, CaseSet, ChallengeVersion]]:
    if find_submission(session, submission) is None:
        raise NotFound(kind="submission", code_given=submission)
    return evaluations_of(session, submission)


def _told(session: Session, evaluation: Evaluation, case_set: CaseSet, version: ChallengeVersion) -> Told:
    declared = Declaration.model_validate(version.declaration)
    phase = declared.phase(evaluation.phase)
    final = phase is None or phase.follows is not None
    sealed = final and not is_done(session, version.challenge_slug, evaluation.phase, BoundaryAction.PUBLISH)
    shown = evaluation.state == EvaluationState.SCORED and not sealed
    hidden = case_set.split != Split.SAMPLE
    ruling = ruling_of(session, evaluation.code)
    return Told(
        evaluation=evaluation.code,
        phase=evaluation.phase,
        state=evaluation.state,
        split=case_set.split,
        n_cases=case_set.n_cases,
        endings=evaluation.ending_counts if shown else None,
        files=evaluation.output_counts if shown else None,
        bits=told_bits(case_set.n_cases, len(declared.outputs)) if hidden else 0,
        ruling=None if ruling is None else ruling.kind,
        reason=None if ruling is None else ruling.reason,
    )
