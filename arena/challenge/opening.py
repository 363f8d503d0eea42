"""Versions of a challenge's rules: how they come into force, and which one judges a phase.

Rules never change silently. Every change is a new version with a number and the time it is valid from; a submission
keeps the version that it was made under, and windows are read from the newest one. What others rely on does not move:

- A phase that has opened keeps its case set, its opening, its entry rule, its feedback and what it follows, and is not
  removed. It may still be prolonged, or closed earlier, but not into the past; once closed, its closing stands as well.
- What decides scores and ranks (`judging_digest`) does not change while a phase is open: half of its leaderboard would
  have been judged by other rules. Change it before a phase opens or after it has closed.
- A case set that was exposed serves no new phase.
"""

from __future__ import annotations

from datetime import datetime
from itertools import combinations

from sqlmodel import Session

from arena.challenge.bundle import Bundle
from arena.challenge.phases import PhaseState, phase_status
from arena.challenge.schema import Declaration, Phase
from arena.challenge.strictyaml import shown
from arena.errors import CaseSetExposed, InvalidBundle, NotFound, UnknownChallenge
from arena.store import queries
from arena.store.session import Store
from arena.store.tables import Challenge, ChallengeVersion


def open_challenge(store: Store, bundle: Bundle, now: datetime) -> ChallengeVersion:
    """Bring a bundle into force; the same bundle again changes nothing and returns the version that it has.

    Raises:
        InvalidBundle: It changes what may no longer change.
        CaseSetExposed: A phase that is still to come uses a case set whose numbers are public.
    """
    slug = bundle.declaration.slug
    with store.write() as session:
        newest = queries.newest_version(session, slug)
        if newest is not None and newest.digest == bundle.digest:
            return newest
        known = session.get(ChallengeVersion, bundle.digest)
        if known is not None:
            reason = f"these rules were version {known.number} and version {newest.number if newest else '?'} followed"
            raise _refusal(
                "(all)", reason, bundle.digest[:12], "a change that tells the versions apart, in `summary` say"
            )
        before = None if newest is None else Declaration.model_validate(newest.declaration)
        if before is not None and newest is not None:
            _keep_promises(before, newest.judging_digest, bundle, now)
        _refuse_exposed_sets(session, before, bundle.declaration, now)
        _refuse_shared_sets(bundle.declaration, now)
        if newest is None:
            session.add(Challenge(slug=slug, created_at=now))
            session.flush()
        version = ChallengeVersion(
            digest=bundle.digest,
            challenge_slug=slug,
            number=1 if newest is None else newest.number + 1,
            judging_digest=bundle.judging_digest,
            declaration=bundle.declaration.model_dump(mode="json"),
            rules_markdown=bundle.rules,
            valid_from=now,
        )
        session.add(version)
    return version


def version_in_force(store: Store, slug: str, now: datetime) -> ChallengeVersion:
    """Return the newest version that is valid at `now`.

    Raises:
        UnknownChallenge: No challenge of that name is open here, or it was opened only later.
    """
    with store.read() as session:
        return version_valid_at(session, slug, now)


def version_valid_at(session: Session, slug: str, now: datetime) -> ChallengeVersion:
    """Do what `version_in_force` does, in a session that is already open.

    Raises:
        UnknownChallenge: No challenge of that name is open here, or it was opened only later.
    """
    for version in queries.versions(session, slug):
        if version.valid_from <= now:
            return version
    known = ", ".join(queries.challenge_slugs(session)) or "none"
    raise UnknownChallenge(slug=slug, known=known)


def version_of_phase(session: Session, slug: str, phase_name: str) -> ChallengeVersion:
    """Return the version that judges a phase: the last one that was valid before the phase closed.

    Later versions may judge by other rules; the leaderboard of a closed phase stands. A phase that follows another is
    judged like that one. A phase that was declared only after its window is judged by the version that declared it.

    Raises:
        UnknownChallenge: No challenge of that name is open here.
        NotFound: Its newest version declares no such phase.
    """
    found = queries.versions(session, slug)
    if not found:
        raise UnknownChallenge(slug=slug, known=", ".join(queries.challenge_slugs(session)) or "none")
    declaration = Declaration.model_validate(found[0].declaration)
    if declaration.phase(phase_name) is None:
        raise NotFound(kind=f'phase of challenge "{slug}"', code_given=phase_name)
    closes_at = phase_status(declaration, phase_name, found[0].valid_from).closes_at
    declaring = [v for v in found if Declaration.model_validate(v.declaration).phase(phase_name) is not None]
    return next((version for version in declaring if version.valid_from < closes_at), declaring[-1])


def _keep_promises(before: Declaration, judging: str, bundle: Bundle, now: datetime) -> None:
    after = bundle.declaration
    opened = [phase for phase in before.phases if _has_opened(before, phase, now)]
    for phase in opened:
        _keep_phase(before, phase, after.phase(phase.name), now)
    running = [p.name for p in opened if phase_status(before, p.name, now).state is PhaseState.OPEN]
    if running and bundle.judging_digest != judging:
        reason = f'phase "{running[0]}" is open, and what decides scores and ranks does not change meanwhile'
        allowed = "the findings, thresholds, limits, missing, min_per_class, ranking, headers in force"
        raise _refusal("findings, limits, missing, min_per_class, ranking, headers", reason, "changed", allowed)


def _has_opened(declaration: Declaration, phase: Phase, now: datetime) -> bool:
    followed = phase.follows or phase.name
    return phase_status(declaration, followed, now).state is not PhaseState.UPCOMING


def _keep_phase(before: Declaration, old: Phase, new: Phase | None, now: datetime) -> None:
    place = f"phases.{old.name}"
    if new is None:
        raise _refusal(place, "the phase has opened and cannot be removed", "removed", "the phase as it was")
    for key in ("cases", "opens_at", "entry_rule", "feedback", "follows"):
        if getattr(old, key) != getattr(new, key):
            reason = "the phase has opened, and this no longer changes"
            raise _refusal(f"{place}.{key}", reason, getattr(new, key), str(getattr(old, key)))
    if old.closes_at == new.closes_at or old.closes_at is None or new.closes_at is None:
        return
    if phase_status(before, old.name, now).state is PhaseState.CLOSED:
        raise _refusal(f"{place}.closes_at", "the phase has closed", new.closes_at, str(old.closes_at))
    if new.closes_at < now:
        raise _refusal(f"{place}.closes_at", "a phase cannot be closed in the past", new.closes_at, f"{now} or later")


def _refuse_exposed_sets(session: Session, before: Declaration | None, after: Declaration, now: datetime) -> None:
    for phase in after.phases:
        old = None if before is None else before.phase(phase.name)
        stands = old is not None and old.cases == phase.cases
        if stands and phase_status(after, phase.name, now).state is PhaseState.CLOSED:
            continue
        case_set = queries.newest_case_set(session, after.slug, phase.cases)
        if case_set is not None and case_set.exposed_at is not None:
            exposer = _exposer(before, phase.cases)
            raise CaseSetExposed(name=phase.cases, slug=after.slug, phase=exposer)


def _refuse_shared_sets(declaration: Declaration, now: datetime) -> None:
    """Refuse two phases on one case set: when the first closes, its curves tell the other's vendors the labels."""
    for one, other in combinations(declaration.phases, 2):
        if one.cases != other.cases:
            continue
        closed = [p for p in (one, other) if phase_status(declaration, p.name, now).state is PhaseState.CLOSED]
        if len(closed) == 1:
            raise CaseSetExposed(name=one.cases, slug=declaration.slug, phase=closed[0].name)
        if not closed:
            key = f"phases.{declaration.phases.index(other)}.cases"
            reason = f'phase "{one.name}" uses this case set, whose numbers are public when that phase has closed'
            raise _refusal(key, reason, other.cases, "a case set that no other phase uses")


def _exposer(before: Declaration | None, cases: str) -> str:
    users = [] if before is None else [phase.name for phase in before.phases if phase.cases == cases]
    return users[0] if users else "of an earlier version"


def _refusal(key: str, reason: str, value: object, allowed: str) -> InvalidBundle:
    return InvalidBundle(file="challenge.yaml", key=key, reason=reason, value=shown(value), allowed=allowed)
