"""A leaderboard's ranks follow what its challenge declares of ranking."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arena.evaluation.ranking import Ranked, RankedEntry, RankJob, rank_entries
from arena.evaluation.record import JudgedCase, write_record
from arena.ranking.floors import Unranked
from arena.ranking.ranks import Rank
from runners.values import Outcome
from tests.seeding import FINDINGS, Roots, declaration, label

CASES = 120


def judged(number: int, levels: tuple[int, ...] | None) -> JudgedCase:
    return JudgedCase(
        case=f"c{number:04d}",
        outcome=Outcome.CRASHED if levels is None else Outcome.OK,
        reason=None,
        latency_seconds=None if levels is None else 0.1,
        attempt="a1",
        levels=levels,
    )


def board(home: Path, **ranking: object) -> Ranked:
    """Rank four entries: two that separate the classes well, one by chance, one good but silent on every fourth case."""
    roots, rng = Roots(home), np.random.default_rng(1)
    labels = np.array([[label(number, k) for k in range(len(FINDINGS))] for number in range(CASES)])
    lines = [",".join(("case", "patient", *FINDINGS))]
    lines += [f"c{n:04d},p{n:04d}," + ",".join(map(str, row)) for n, row in enumerate(labels.tolist())]
    references = roots.references.put(("\n".join(lines) + "\n").encode())
    entries = []
    for name, strength, silent in (("good", 2.5, 0), ("fair", 1.2, 0), ("chance", 0.0, 0), ("silent", 3.0, 4)):
        scores = rng.normal(size=labels.shape) + strength * labels
        levels = np.clip(np.rint(5_000 + 900 * (scores - strength / 2)), 0, 10_000).astype(int)
        rows = [judged(n, None if silent and n % silent == 0 else tuple(row)) for n, row in enumerate(levels.tolist())]
        entries.append(RankedEntry(name, write_record(roots.results, rows, [], FINDINGS).predictions_sha256))
    job = RankJob(
        declaration=declaration(ranking=ranking).model_dump(mode="json"),
        judging_digest="rules",
        case_set_digest="cases",
        references_root=roots.references.root,
        references_sha256=references.sha256,
        results_root=roots.results.root,
        entries=tuple(entries),
    )
    return rank_entries(job)


def test_declared_floors_keep_entries_out_of_the_family(tmp_path: Path) -> None:
    found = board(tmp_path, floor_auc=0.6, floor_answered=0.9)
    assert found.ranks["chance"] == Rank(None, None, None, Unranked.BELOW_FLOOR_AUC)
    assert found.ranks["silent"] == Rank(None, None, None, Unranked.BELOW_FLOOR_ANSWERED)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("good", "fair")]
    assert (found.ranks["good"].rank, found.ranks["fair"].rank) == (1, 2)


def test_without_floors_all_are_ranked(tmp_path: Path) -> None:
    found = board(tmp_path)
    assert len(found.pairs) == 6
    assert all(rank.rank is not None for rank in found.ranks.values())


def test_the_declared_adjustment_gives_the_published_p_values(tmp_path: Path) -> None:
    by_holm, by_max_t = (board(tmp_path / name, adjustment=name) for name in ("holm", "max_t"))
    assert [pair.p for pair in by_holm.pairs] == [pair.p for pair in by_max_t.pairs]
    assert [pair.p_adjusted for pair in by_holm.pairs] != [pair.p_adjusted for pair in by_max_t.pairs]
    assert board(tmp_path / "default") == by_max_t
