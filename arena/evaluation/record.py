"""What is kept of an evaluation: one row per case and try, and the predictions, as content-addressed Parquet.

`predictions.parquet` (case, finding, level) depends on the answers alone, so two runs of a deterministic algorithm
give the same bytes. `cases.parquet` also holds latencies and is therefore different each time. Where the challenge
declares files beside answers, `outputs.parquet` says what became of each.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arena.blobs import BlobStore
from arena.evaluation.answers import Abstention, Predictions, parse_answer
from arena.evaluation.endings import count_endings
from arena.evaluation.outputs import DeclaredOutput, LeftFile, OutputRow, count_outputs, examine_outputs
from runners.values import BlobRef, CaseResult, Outcome

CASES_SCHEMA = pa.schema(
    [
        ("case", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("latency_seconds", pa.float64()),
        ("attempt", pa.string()),
        ("counts", pa.bool_()),
    ]
)
"""`counts` is false for a case's first, timed-out try where a second one, alone, was made; both are kept."""

PREDICTIONS_SCHEMA = pa.schema([("case", pa.string()), ("finding", pa.string()), ("level", pa.uint16())])
"""`level` is the probability × 10,000, rounded half-even. Rows stand one finding after the other, each by case: that is
the order in which scores are computed."""

OUTPUTS_SCHEMA = pa.schema(
    [
        ("case", pa.string()),
        ("file", pa.string()),
        ("kind", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("defect", pa.string()),
        ("items", pa.int32()),
    ]
)
"""One row for each declared file of each answered case: `defect` is null where it is as declared, `items` counts the
content items of a report or the images."""


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A case after its answer was read; `levels` stands in the findings' declared order, `files` are unread."""

    case: str
    outcome: Outcome
    reason: str | None
    latency_seconds: float | None
    attempt: str
    levels: tuple[int, ...] | None
    files: tuple[tuple[str, BlobRef], ...] = ()


@dataclass(frozen=True, slots=True)
class ShardLines:
    """A shard's accepted output: which attempt, which cases in which order, and the blob of its lines."""

    attempt: str
    case_names: Sequence[str]
    output: BlobRef


@dataclass(frozen=True, slots=True)
class Record:
    """References of an evaluation's files, and how many cases ended in which outcome and how, in a vendor's words.

    `outputs_sha256` is None and `output_counts` empty where the challenge declares no files.
    """

    cases_sha256: str
    predictions_sha256: str
    outcome_counts: dict[str, int]
    ending_counts: dict[str, int]
    outputs_sha256: str | None = None
    output_counts: dict[str, dict[str, int]] = field(default_factory=dict)


def read_shard(results: BlobStore, shard: ShardLines, findings: Sequence[str]) -> Iterator[JudgedCase]:
    """Read a shard's output line by line and judge each case.

    Raises:
        ValueError: The output does not hold exactly the shard's cases in order; only our own runner writes it.
    """
    with results.open(shard.output) as stream:
        results_read = (_read_line(line) for line in stream)
        for name, result in zip(shard.case_names, results_read, strict=True):
            if result.case != name:
                msg = f"output of attempt {shard.attempt} holds case {result.case} in the place of {name}"
                raise ValueError(msg)
            yield judge(result, shard.attempt, findings)


def judge(result: CaseResult, attempt: str, findings: Sequence[str]) -> JudgedCase:
    """Parse the answer of a case that the runner saw end well; other outcomes stand as they are."""
    outcome, reason, levels = result.outcome, result.detail, None
    if outcome is Outcome.OK:
        parsed = parse_answer(result.answer or b"", result.case, findings)
        if isinstance(parsed, Predictions):
            levels = parsed.levels
        elif isinstance(parsed, Abstention):
            outcome, reason = Outcome.ABSTAINED, parsed.reason.value
        else:
            outcome, reason = Outcome.INVALID_ANSWER, parsed.value
    # Files beside an answer that cannot be read belong to nothing.
    files = result.files if outcome in {Outcome.OK, Outcome.ABSTAINED} else ()
    return JudgedCase(result.case, outcome, reason, result.latency_seconds, attempt, levels, files)


def timed_out(results: BlobStore, shard: ShardLines) -> list[str]:
    """Return the shard's cases that ran into `case_seconds`; they are run once more, alone."""
    with results.open(shard.output) as stream:
        return [result.case for result in map(_read_line, stream) if result.outcome is Outcome.TIMED_OUT]


def write_record(
    results: BlobStore, main: Iterable[JudgedCase], rerun: Iterable[JudgedCase], findings: Sequence[str],
    outputs: Sequence[DeclaredOutput] = (),
) -> Record:  # fmt: skip
    """Store the files of an evaluation.

    Args:
        results: Where they are stored.
        main: Every case once.
        rerun: Second tries of cases that timed out; where there is one it counts instead.
        findings: Codes in declared order.
        outputs: Files that the challenge lets an algorithm leave for each case.

    Raises:
        HostError: Files beside answers could not be examined.
    """
    second = {judged.case: judged for judged in rerun}
    first = sorted(main, key=lambda judged: judged.case)
    counted = [second.get(judged.case, judged) for judged in first]
    rows = [(judged, judged.case not in second) for judged in first]
    rows += [(judged, True) for judged in sorted(second.values(), key=lambda judged: judged.case)]
    cases: dict[str, list[Any]] = {
        "case": [judged.case for judged, _ in rows],
        "outcome": [judged.outcome.value for judged, _ in rows],
        "reason": [judged.reason for judged, _ in rows],
        "latency_seconds": [judged.latency_seconds for judged, _ in rows],
        "attempt": [judged.attempt for judged, _ in rows],
        "counts": [counts for _, counts in rows],
    }
    answered = [(judged.case, judged.levels) for judged in counted if judged.levels is not None]
    predictions: dict[str, list[Any]] = {
        "case": [case for _ in findings for case, _levels in answered],
        "finding": [finding for finding in findings for _ in answered],
        "level": [levels[index] for index in range(len(findings)) for _, levels in answered],
    }
    left = examine_outputs(results, _left_files(counted, outputs))
    return Record(
        cases_sha256=_put_parquet(results, cases, CASES_SCHEMA).sha256,
        predictions_sha256=_put_parquet(results, predictions, PREDICTIONS_SCHEMA).sha256,
        outcome_counts=dict(sorted(Counter(judged.outcome.value for judged in counted).items())),
        ending_counts=count_endings((judged.outcome, judged.reason) for judged in counted),
        outputs_sha256=_put_parquet(results, _output_columns(left), OUTPUTS_SCHEMA).sha256 if outputs else None,
        output_counts=count_outputs(left),
    )


def _left_files(cases: Iterable[JudgedCase], outputs: Sequence[DeclaredOutput]) -> list[LeftFile]:
    answered = [judged for judged in cases if judged.outcome in {Outcome.OK, Outcome.ABSTAINED}]
    return [
        LeftFile(judged.case, each.name, each.kind, dict(judged.files).get(each.name))
        for judged in answered
        for each in outputs
    ]


def _output_columns(rows: Sequence[OutputRow]) -> dict[str, list[Any]]:
    return {
        "case": [row.file.case for row in rows],
        "file": [row.file.name for row in rows],
        "kind": [row.file.kind.value for row in rows],
        "sha256": [row.file.ref and row.file.ref.sha256 for row in rows],
        "size_bytes": [row.file.ref and row.file.ref.size_bytes for row in rows],
        "defect": [row.examined.defect and row.examined.defect.value for row in rows],
        "items": [row.examined.items for row in rows],
    }


def sandboxes_of(manifests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the sandbox manifests out of shards' receipts, each once, in an order of their own.

    An evaluation has more than one where it ran on two hosts, or an engine was renewed in between.
    """
    found = {canonical_json(each["summary"]): each["summary"] for each in manifests if each.get("summary")}
    return [found[key] for key in sorted(found)]


def canonical_json(value: Any) -> bytes:
    """Return a JSON value as bytes that are the same wherever it was made."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def read_table(results: BlobStore, sha256: str) -> pa.Table:
    """Return a stored Parquet file, verified by its digest."""
    return pq.read_table(pa.BufferReader(results.get(sha256)))


def _put_parquet(results: BlobStore, columns: dict[str, list[Any]], schema: pa.Schema) -> BlobRef:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer, compression="zstd", version="2.6", store_schema=False)
    return results.put(buffer.getvalue())


def _read_line(line: bytes) -> CaseResult:
    fields = json.loads(line)
    answer = fields["answer_base64"]
    return CaseResult(
        case=fields["case"],
        outcome=Outcome(fields["outcome"]),
        latency_seconds=fields["latency_seconds"],
        answer=None if answer is None else base64.b64decode(answer, validate=True),
        detail=fields["detail"],
        files=tuple((name, BlobRef(**ref)) for name, ref in fields.get("files", {}).items()),
    )
