"""Which way of running a shard an attempt asks for, and what its containers are given for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runners.batch import BatchShard
from runners.beside import Beside
from runners.case import CaseShard
from runners.container import Launcher
from runners.faults import EngineRefused
from runners.grand_challenge import GrandChallengeFiles, arrangement
from runners.serve import ServeShard
from runners.shard import Canceller, ShardRun, Sink
from runners.space import OutputSpace
from runners.stage import Arrangement, Stage
from runners.values import AttemptSpec

SERVE, BATCH, CASE = "serve", "batch", "case"
MODES = (SERVE, BATCH, CASE)


class Shard(Protocol):
    """A shard that can be run once."""

    @property
    def record(self) -> ShardRun:
        """What is known so far."""

    def run(self) -> None:
        """Run all cases; every case gets its result, and no container stays."""


def refuse_unknown(spec: AttemptSpec) -> None:
    """Refuse what this version of the runner does not know.

    Raises:
        EngineRefused: The mode, or the layout in that mode.
    """
    if spec.mode not in MODES:
        action = f"run mode {spec.mode!r}"
        raise EngineRefused(action, None, f"this runner has the modes {', '.join(MODES)}")
    if spec.layout is not None and spec.mode != CASE:
        action = f"show another host's layout in mode {spec.mode!r}"
        raise EngineRefused(action, None, f"such images run in mode {CASE!r} only")


def output_space(spec: AttemptSpec) -> OutputSpace | None:
    """Return how large each container's /output is; None where it has none."""
    if spec.mode == SERVE and not spec.outputs:
        return None
    return OutputSpace(spec.limits.output_mib, 1 if spec.mode == CASE else len(spec.cases))


def arrangement_of(spec: AttemptSpec) -> Arrangement | None:
    """Return what makes of a study what the containers see; None where they see it as it is."""
    return None if spec.layout is None else arrangement(spec.layout)


def shard_of(
    spec: AttemptSpec, launcher: Launcher, stage: Stage, sink: Sink, beside: Beside,
    *, canceller: Canceller | None, on_open: Callable[[], None],
) -> Shard:  # fmt: skip
    """Return the shard of an attempt, ready to be run in its mode."""
    if spec.mode == SERVE:
        return ServeShard(
            spec.cases, spec.limits, launcher, stage, sink, beside=beside, canceller=canceller, on_open=on_open
        )
    kind = BatchShard if spec.mode == BATCH else CaseShard
    made = kind(spec.cases, spec.limits, launcher, stage, sink, beside=beside, canceller=canceller, on_open=on_open)
    if isinstance(made, CaseShard) and spec.layout is not None:
        made.form = GrandChallengeFiles(spec.layout)
    return made
