"""Entries with identical answers, where different organisations have handed them in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def answers_digest(levels: NDArray[np.int32]) -> str:
    """Return the SHA-256 of all answers of an entry.

    Args:
        levels: Level of each case and finding, −1 where there is no answer, shape (n, K), in the order of the case set.
    """
    shape = "×".join(str(size) for size in levels.shape)
    return hashlib.sha256(f"arena answers {shape}\n".encode() + levels.astype("<i4").tobytes()).hexdigest()


def duplicates_across_organisations(
    digests: Sequence[str], organisations: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """Return for each entry the places of all entries of other organisations with the same answers.

    Two such entries differ by 0 with p 1 and share a rank; whether one product has entered twice, or an open model was
    handed in by two, is for people to find out.

    Args:
        digests: `answers_digest` of each entry.
        organisations: Who handed it in.
    """
    by_digest: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        by_digest.setdefault(digest, []).append(place)
    return tuple(
        tuple(other for other in by_digest[digest] if organisations[other] != organisation)
        for digest, organisation in zip(digests, organisations, strict=True)
    )
