"""An open phase whose attempts end as an attacker answers: the real queue, scoring, Ladder, ledger, board; no container.

An attacker's answers are those of its container, so that nothing of what it learns is left out; only the containers, which
`tests/acceptance/test_embargo.py` runs, are spared.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from starlette.applications import Starlette
from starlette.routing import Mount

from arena.api.application import create_api
from arena.blobs import BlobStore
from arena.challenge.schema import Feedback as Rule
from arena.challenge.schema import Quota
from arena.evaluation.child import ScoringChild
from arena.evaluation.dispatch import Dispatcher
from arena.evaluation.settle import Settler
from arena.leaderboard import Publisher
from arena.presentation.reader import Reader
from arena.store.ledger import LedgerRow, ledger
from arena.store.session import Store
from runners.values import AttemptSpec, CaseInput, Outcome
from tests.acceptance.probing import FINDINGS, VENDOR, Labels, rules, seed_cases
from tests.acceptance.probing_public import BOARD, Seen, see
from tests.scripted import Clock, ScriptedRunner
from tests.seeding import NOW, Roots, declaration, seed_challenge, seed_submission

Floats = NDArray[np.float64]

DEFAULTS: dict[str, object] = {"feedback": Rule().model_dump(), "quota": Quota().model_dump()}
"""What a phase has that declares neither."""

OPEN_CURVES: dict[str, object] = {"feedback": {"ladder": False}, "entry_rule": "last", "show": "open"}
"""No protection: each attempt stands, with its curves."""


class Api:
    """The public API over a store and its public documents, asked without a network."""

    def __init__(self, store: Store, public: BlobStore) -> None:
        reader = Reader(store, public, clock=lambda: NOW + timedelta(days=60))
        self._app = Starlette(routes=[Mount("/api", create_api(lambda: reader))])

    def get(self, address: str) -> str:
        """Return the text at an address."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://arena.test") as client:
                return await client.get(address)

        answer = asyncio.run(ask())
        answer.raise_for_status()
        return answer.text

    def standing(self) -> list[tuple[str, float]]:
        """Return which entries stand and with which scores."""
        board: dict[str, Any] = json.loads(self.get(f"{BOARD}/leaderboard"))["leaderboard"]
        return [(entry["entry"], entry["macro_auc"]["value"]) for entry in board["entries"]]


@dataclass
class ScriptedSeason:
    """An open phase of one attacker; `phase` overrides the fields of the declared one."""

    home: Path
    labels: Labels
    child: ScoringChild
    phase: dict[str, object]
    submissions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.roots, self.clock, self.bell = Roots(self.home), Clock(), threading.Event()
        self.store = Store(f"sqlite:///{self.home / 'arena.db'}")
        self.store.migrate()
        declared = rules("best")
        (phase,) = declared["phases"]  # type: ignore[misc]
        self.declared = declaration(**declared | {"phases": [phase | self.phase]})
        self.version = seed_challenge(self.store, self.declared)
        self.case_set = seed_cases(self.store, self.roots, self.labels)
        self.runner = ScriptedRunner(self.roots)
        results = self.roots.results
        self.dispatcher = Dispatcher(self.store, results, self.runner, clock=self.clock)
        self.settler = Settler(
            self.store, results, self.roots.references, self.child, clock=self.clock, doorbell=self.bell.set
        )
        self.publisher = Publisher(self.store, results, self.roots.references, self.roots.public, self.child)
        self.api = Api(self.store, self.roots.public)

    def ask(self, guess: Floats) -> float | None:
        """Hand in answers, NaN for a missing one, and return the score if the attempt stands; None if it does not."""
        self.hand_in(guess)
        ((code, value),) = self.standing()
        return value if code == self.submissions[-1] else None

    def hand_in(self, guess: Floats) -> None:
        """Work off one more submission, two a day, and publish."""
        # Ranks within a finding are all that a score depends on; ties stay ties.
        ranks = np.apply_along_axis(rankdata, 0, np.nan_to_num(guess, nan=-np.inf))
        chances, missing = ranks / (len(guess) + 1), np.isnan(guess).any(axis=1)

        def answer(_spec: AttemptSpec, case: CaseInput) -> tuple[Outcome, dict[str, float]]:
            number = int(case.case[1:]) - 1
            said = {name: round(float(chance), 4) for name, chance in zip(FINDINGS, chances[number], strict=True)}
            return (Outcome.CRASHED if missing[number] else Outcome.OK), said

        self.clock.now += timedelta(hours=12)
        code, _ = seed_submission(self.store, VENDOR, self.case_set, self.version, at=self.clock())
        self.submissions.append(code)
        moved = True
        while moved or self.settler.busy:
            moved = self.dispatcher.step()
            for spec in self.runner.running():
                self.runner.finish(spec, answer=answer)
                moved = True
            moved |= self.settler.step()
            self.bell.wait(0.02)
            self.bell.clear()
        assert self.settler.scored.pop() == ("small", "season")
        self.publisher.publish("small", "season", self.clock())

    def standing(self) -> list[tuple[str, float]]:
        """Return, from the public API, which entries stand and with which scores."""
        return self.api.standing()

    def curve(self, finding: str) -> dict[str, Any]:
        """Return the newest submission's public ROC curve."""
        found: dict[str, Any] = json.loads(
            self.api.get(f"{BOARD}/entries/{self.submissions[-1]}/curve?finding={finding}")
        )
        return found

    def see(self) -> Seen:
        """Read everything that is public now, of the entries' pages those that stand and the newest three."""
        standing = {code for code, _ in self.standing()}
        return see(self.store, self.roots.public, sorted(standing | set(self.submissions[-3:])))

    def ledger(self) -> list[LedgerRow]:
        """Return what the organiser's ledger says that the attacker learned."""
        with self.store.read() as session:
            return ledger(session, "small", "season")


Begin = Callable[[dict[str, object]], ScriptedSeason]
