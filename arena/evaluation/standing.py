"""Which entries of a phase stand on its board: by the entry rule, or by what the Ladder lets their vendors see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arena.challenge.schema import EntryRule
from arena.evaluation.feedback import Climb, Disclosed, bits
from arena.store.boards import Scored
from arena.store.documents import ScorecardDocument
from arena.store.ledger import Disclosure
from arena.store.tables import Feedback, SubmissionState

SECOND_CHOICE = "second_choice"
"""A vendor's second nomination runs and is listed in the final; the first one ranks."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scored evaluation with its scorecard's document."""

    scored: Scored
    card: ScorecardDocument


def accepted(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return those that may stand on a board: neither withdrawn nor refused."""
    return [each for each in candidates if each.scored.submission.state == SubmissionState.ACCEPTED]


def choose(candidates: Iterable[Candidate], rule: EntryRule) -> list[Candidate]:
    """Pick one entry per vendor by the phase's rule; candidates come oldest first.

    `best` takes the highest macro score, of equal ones the earlier; `chosen` the vendor's first nomination, and the
    last entry where a vendor has named none.
    """
    by_vendor: dict[str, Candidate] = {}
    for candidate in candidates:
        vendor = candidate.scored.vendor.code
        standing = by_vendor.get(vendor)
        if standing is None or _replaces(candidate, standing, rule):
            by_vendor[vendor] = candidate
    return list(by_vendor.values())


def ranked_of(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Return one entry of each vendor, the family that is ranked: a second choice only where it stands alone."""
    return [
        candidate
        for candidate in chosen
        if not candidate.scored.submission.second_choice
        or all(other is candidate for other in chosen if other.scored.vendor.code == candidate.scored.vendor.code)
    ]


def _replaces(new: Candidate, standing: Candidate, rule: EntryRule) -> bool:
    if rule is EntryRule.BEST:
        return _macro(new) > _macro(standing)
    if rule is EntryRule.CHOSEN:
        return _nominated(new) or not _nominated(standing)
    return True


def _nominated(candidate: Candidate) -> bool:
    submission = candidate.scored.submission
    return submission.chosen_for_final and not submission.second_choice


def _macro(candidate: Candidate) -> float:
    value = candidate.card.macro.value
    return -1.0 if value is None else value


def disclosure(candidate: Candidate, kind: Disclosed, *, every_score_is_shown: bool, shown: bool) -> Disclosure:
    """Return the ledger's row of what a candidate's vendor learns; `shown`: by standing on the board."""
    return Disclosure(
        scorecard=candidate.scored.scorecard.code,
        vendor=candidate.scored.vendor.code,
        submission=candidate.scored.submission.code,
        disclosed=kind,
        bits=bits(kind, every_score_is_shown=every_score_is_shown),
        shown=shown,
    )


class Standing:
    """An open phase under the Ladder: of each vendor what it has been shown, and what is to be judged.

    What the ledger holds stands: a verdict is never given twice, so that no later publication tells more. The best
    shown entry is to be beaten also when its vendor has withdrawn it; the board then falls back to the one before.
    """

    def __init__(self, candidates: Iterable[Candidate], told: Mapping[tuple[str, str], Feedback]) -> None:
        """Sort the candidates of a phase by vendor; `told` is the phase's ledger, by scorecard and kind."""
        by_vendor: dict[str, list[Candidate]] = {}
        for candidate in sorted(candidates, key=_when_scored):
            by_vendor.setdefault(candidate.scored.vendor.code, []).append(candidate)
        self._vendors = [_split(own, told) for own in by_vendor.values()]

    @property
    def undecided(self) -> bool:
        """Whether anything has been scored that the Ladder has not judged."""
        return any(new for _, new in self._vendors)

    def climbs(self) -> tuple[Climb, ...]:
        """Return what the scoring child needs to judge each vendor's new entries."""
        return tuple(
            Climb(
                max(seen, key=_macro).card.predictions_sha256 if seen else None,
                tuple(candidate.card.predictions_sha256 for candidate in new),
            )
            for seen, new in self._vendors
        )

    def settle(self, verdicts: Sequence[Sequence[bool]] | None) -> tuple[list[Candidate], list[Disclosure]]:
        """Return what stands on the board and what is disclosed by it; no verdicts where nothing is undecided."""
        chosen: list[Candidate] = []
        news: list[Disclosure] = []
        for number, (seen, new) in enumerate(self._vendors):
            steps = () if verdicts is None else verdicts[number]
            shown = [*seen, *(candidate for candidate, step in zip(new, steps, strict=True) if step)]
            chosen += sorted(accepted(shown), key=_macro)[-1:]
            for candidate, step in zip(new, steps, strict=True):
                # One that is shown and beaten in the same publication counts as shown: at most that was learned.
                kind = Disclosed.SCORE if step else Disclosed.NOT_BETTER
                news.append(disclosure(candidate, kind, every_score_is_shown=False, shown=candidate in chosen))
        return chosen, news


def _when_scored(candidate: Candidate) -> tuple[object, object, str]:
    scored = candidate.scored
    return scored.scorecard.created_at, scored.submission.submitted_at, scored.submission.code


def _split(
    own: Iterable[Candidate], told: Mapping[tuple[str, str], Feedback]
) -> tuple[list[Candidate], list[Candidate]]:
    seen, new = [], []
    for candidate in own:
        card = candidate.scored.scorecard.code
        if (card, Disclosed.SCORE) in told:
            seen.append(candidate)
        elif (card, Disclosed.NOT_BETTER) not in told and accepted([candidate]):
            new.append(candidate)
    return seen, new
