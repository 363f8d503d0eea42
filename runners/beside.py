"""Files that an algorithm leaves beside its answers, where the challenge asks for some: `/output/<case>/<name>`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from runners.archive import Refusal
from runners.output import Files
from runners.values import BlobRef, CaseResult, Detail, Outcome, OutputFile

Keep = Callable[[Path], BlobRef]
"""Stores a file and removes it from where it lies."""
_TOO_MUCH = (Refusal.TOO_LARGE, Refusal.TOO_MANY)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is asked for, and where it is kept; nothing of it is parsed here."""

    outputs: tuple[OutputFile, ...]
    keep: Keep

    def wanted(self, cases: Iterable[str]) -> dict[str, int]:
        """Return the largest size of each file that these cases may have, by its path under /output."""
        return {f"{case}/{each.name}": each.max_kib * 1024 for case in cases for each in self.outputs}

    def attach(self, result: CaseResult, files: Files, *, full: bool) -> CaseResult:
        """Return a case's result with its files, or with what is wrong with them.

        A file that is no plain file makes the answer invalid; one beyond its size, or one that is missing where /output
        is full, is `output_quota`. Another missing one is no fault here.
        """
        if result.outcome is not Outcome.OK:
            return result
        found = {each.name: files.get(f"{result.case}/{each.name}") for each in self.outputs}
        refused = [content for content in found.values() if isinstance(content, Refusal)]
        if any(refusal in _TOO_MUCH for refusal in refused):
            return _instead(result, Outcome.OUTPUT_QUOTA, Detail.OVERLONG_FILE)
        if refused:
            return _instead(result, Outcome.INVALID_ANSWER, Detail.OUTPUT_REFUSED)
        if None in found.values() and full:
            return _instead(result, Outcome.OUTPUT_QUOTA, Detail.OUTPUT_FULL)
        kept = tuple((name, self.keep(content)) for name, content in found.items() if isinstance(content, Path))
        return replace(result, files=kept)


def _instead(result: CaseResult, outcome: Outcome, detail: Detail) -> CaseResult:
    return CaseResult(result.case, outcome, result.latency_seconds, detail=detail)
