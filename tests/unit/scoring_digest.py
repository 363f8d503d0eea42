"""Print a digest over scores, resamples, whole scorecards and a ranking, and how many processor features NumPy uses.

python -m tests.unit.scoring_digest THREADS
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy._core import _multiarray_umath as built

from arena.scoring.evaluate import entry_influence, finding_aucs, score_evaluation
from arena.scoring.inputs import ScoringInputs, split_findings
from arena.scoring.resampling import plan_resamples, resample_seed, resampled_scores
from runners.values import Outcome
from tests.judged import Judged


def contest(n: int = 6000) -> ScoringInputs:
    """Draw studies of fewer patients, four findings, some references unknown and some answers missing."""
    rng = np.random.default_rng(20)
    n_patients = n * 6 // 10
    patients = np.concatenate([np.arange(n_patients), rng.integers(0, n_patients, n - n_patients)])
    labels = (rng.random((n, 4)) < 0.3).astype(np.int8)
    levels = np.rint(10_000 * np.clip(rng.beta(2, 5, (n, 4)) + 0.2 * labels, 0, 1)).astype(np.int32)
    labels[rng.random((n, 4)) < 0.05] = -1
    failed = rng.random(n) < 0.02
    levels[failed] = -1
    return ScoringInputs(
        findings=("a", "b", "c", "d"),
        thresholds=(5000, 4000, 3000, 2000),
        levels=levels,
        labels=labels,
        patients=patients.astype(np.int64),
        outcomes=tuple(Outcome.CRASHED if late else Outcome.OK for late in failed),
        latency_seconds=tuple(None if late else float(s) for late, s in zip(failed, rng.random(n), strict=True)),
    )


def judged_bytes(home: Path, *, backwards: bool) -> bytes:
    """Judge three entries of a challenge that declares everything, and rank them, in one order or the other.

    Returns:
        Every scorecard document to the last field (details, norm, verdict, subgroups, calibrated thresholds), and ranks,
        pairs, policies, schemes and stability.
    """
    contest = Judged(home, unknown=0.05)
    for name, strength in (("good", 1.6), ("fair", 0.9), ("silent", 1.4)):
        contest.enter(name, strength, silent=17 if name == "silent" else 0)
    cards = [contest.card(name, split=contest.split(name)) for name in ("good", "fair", "silent")]
    for card in cards:
        assert card.norm is not None
        assert card.calibration_test is not None
        assert card.calibration_split is not None
        assert card.subgroups
        assert all(finding.numbers is not None for finding in card.findings)
    ranked = contest.rank("good", "fair", "silent", order=lambda names: names[::-1] if backwards else names)
    assert ranked.fine is not None
    documents = [card.model_dump_json() for card in cards]
    return "\n".join([*documents, repr(sorted(ranked.ranks.items())), repr(ranked.pairs), repr(ranked.fine)]).encode()


def digest(threads: int) -> str:
    """Hash the scores, the influence matrix, 130 resamples, and what a contest's judging stores."""
    inputs = contest()
    hashed = hashlib.sha256(repr(score_evaluation(inputs)).encode())
    parts = split_findings(inputs)
    hashed.update(repr(finding_aucs(parts, inputs.missing, threads=threads)).encode())
    influence = entry_influence(inputs)
    assert influence.mean is not None
    assert influence.phi is not None
    hashed.update(influence.mean.tobytes() + np.ascontiguousarray(influence.phi).tobytes())
    columns = [column for part in parts if (column := part.column(inputs.missing)) is not None]
    plan = plan_resamples([column.cases for column in columns], resample_seed("cases", "rules"), 130)
    scores = resampled_scores(columns, [threshold + 1 for threshold in inputs.thresholds], plan, threads=threads)
    for array in (scores.two_u, scores.auc, scores.macro_auc, scores.sensitivity, scores.specificity, scores.brier):
        hashed.update(np.ascontiguousarray(array).tobytes())
    with tempfile.TemporaryDirectory() as home:
        hashed.update(judged_bytes(Path(home), backwards=threads > 1))
    return hashed.hexdigest()


if __name__ == "__main__":
    active = [feature for feature in built.__cpu_dispatch__ if built.__cpu_features__.get(feature)]
    sys.stdout.write(f"{digest(int(sys.argv[1]))} {len(active)}\n")
