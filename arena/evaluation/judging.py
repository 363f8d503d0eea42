"""What the scoring child does: a record out of accepted outputs, a scorecard out of a record and its references.

Only these functions read references, and they run in a process that starts no container and answers no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arena.blobs import BlobStore
from arena.challenge.schema import Declaration
from arena.errors import BlobCorrupt, ReferencesUnavailable, ScoringRefused
from arena.evaluation.answers import LEVELS
from arena.evaluation.jobs import ScoreJob, SplitJob
from arena.evaluation.metrics import measure_all
from arena.evaluation.outputs import DeclaredOutput
from arena.evaluation.record import JudgedCase, Record, ShardLines, read_shard, read_table, timed_out, write_record
from arena.evaluation.scorecard import scorecard
from arena.scoring.inputs import ScoringInputs
from arena.scoring.levels import MISSING_LEVEL, patient_codes
from arena.scoring.resampling import resample_seed
from arena.vault.references import References, read_references
from runners.values import Outcome


@dataclass(frozen=True, slots=True)
class RecordJob:
    """Accepted outputs of an evaluation; `rerun` holds second tries of timed-out cases."""

    results_root: str
    findings: tuple[str, ...]
    main: tuple[ShardLines, ...]
    rerun: tuple[ShardLines, ...]
    outputs: tuple[DeclaredOutput, ...] = ()


def record_evaluation(job: RecordJob) -> Record | tuple[str, ...]:
    """Write the record, or return the cases that timed out and have not been tried a second time."""
    results = BlobStore(job.results_root)
    if not job.rerun:
        late = tuple(name for shard in job.main for name in timed_out(results, shard))
        if late:
            return late

    def read(shards: Sequence[ShardLines]) -> list[JudgedCase]:
        return [judged for shard in shards for judged in read_shard(results, shard, job.findings)]

    return write_record(results, read(job.main), read(job.rerun), job.findings, job.outputs)


def score_evaluation(job: ScoreJob) -> bytes:
    """Return the scorecard's document as JSON bytes; equal jobs give equal bytes.

    Raises:
        UnknownMetric: The challenge declares a metric that is not installed in that version.
        ScoringRefused: A case was not run, or the record's cases are not the references'.
        BlobCorrupt: A stored file is missing or damaged.
    """
    declaration = Declaration.model_validate(job.declaration)
    references = load_references(job.references_root, job.references_sha256, declaration)
    results = BlobStore(job.results_root)
    cases = read_table(results, job.cases_sha256)
    cases = cases.filter(pc.field("counts")).sort_by("case")
    if tuple(cases["case"].to_pylist()) != references.cases:
        raise ScoringRefused(evaluation=job.evaluation, reason="its cases are not those of the references")
    outcomes = tuple(Outcome(outcome) for outcome in cases["outcome"].to_pylist())
    if Outcome.NOT_RUN in outcomes:
        raise ScoringRefused(evaluation=job.evaluation, reason="the host has not run every case")
    inputs = scoring_inputs(
        declaration,
        references,
        read_table(results, job.predictions_sha256),
        outcomes,
        tuple(cases["latency_seconds"].to_pylist()),
    )
    split = None if job.split is None else _split_inputs(job, job.split, declaration)
    job = replace(job, attributes=job.attributes.in_order(references.cases))
    own = measure_all(declaration.metrics, inputs, resample_seed(job.case_set_digest, job.judging_digest))
    return scorecard(job, declaration, inputs, own, split).model_dump_json(indent=1).encode()


def _split_inputs(job: ScoreJob, split: SplitJob, declaration: Declaration) -> ScoringInputs:
    references = load_references(job.references_root, split.references_sha256, declaration)
    return scoring_inputs(declaration, references, read_table(BlobStore(job.results_root), split.predictions_sha256))


def load_references(root: str, sha256: str, declaration: Declaration) -> References:
    """Read a case set's references, verified by their digest.

    Raises:
        ReferencesUnavailable: They are missing or damaged.
    """
    try:
        content = BlobStore(root).get(sha256)
    except BlobCorrupt:
        # Neither their place nor their digest may reach a log, not even as the cause of what is raised.
        raise ReferencesUnavailable from None
    return read_references(content, [finding.code for finding in declaration.findings])


def scoring_inputs(
    declaration: Declaration,
    references: References,
    predictions: pa.Table,
    outcomes: tuple[Outcome, ...] | None = None,
    latency_seconds: tuple[float | None, ...] | None = None,
) -> ScoringInputs:
    """Line predictions up with references; without outcomes, a case is `ok` where it has predictions."""
    codes = tuple(finding.code for finding in declaration.findings)
    levels = _levels(references.cases, codes, predictions)
    if outcomes is None:
        outcomes = tuple(Outcome.OK if level >= 0 else Outcome.NO_ANSWER for level in levels[:, 0].tolist())
    return ScoringInputs(
        findings=codes,
        thresholds=tuple(round(finding.threshold * LEVELS) for finding in declaration.findings),
        levels=levels,
        labels=references.labels,
        patients=patient_codes(references.patients),
        outcomes=outcomes,
        latency_seconds=latency_seconds or (None,) * len(outcomes),
        missing=declaration.missing,
        min_per_class=declaration.min_per_class,
    )


def _levels(
    cases: Sequence[str], findings: Sequence[str], predictions: pa.Table
) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return the levels, shape (cases, findings), each finding in one piece of memory as the scorer reads it."""
    levels = np.full((len(findings), len(cases)), MISSING_LEVEL, dtype=np.int16)
    rows = pc.index_in(predictions["case"], pa.array(cases, pa.string())).to_numpy()
    columns = pc.index_in(predictions["finding"], pa.array(findings, pa.string())).to_numpy()
    levels[columns, rows] = predictions["level"].to_numpy()
    return levels.T
