"""`arena rejudge`: scores by today's rules and scorer, from stored predictions."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from arena.challenge.opening import version_in_force
from arena.challenge.schema import Declaration
from arena.cli.output import print_json
from arena.errors import DispatcherRunning, NotFound
from arena.evaluation.child import ScoringChild
from arena.evaluation.rejudging import mark_outdated, settle
from arena.evaluation.settle import Settler
from arena.leaderboard import Publisher
from arena.settings import Settings
from arena.store.lock import only_dispatcher
from arena.wiring import Host, open_host, utc_now


def rejudge(
    challenge: Annotated[str, typer.Argument(help="The challenge's slug.")],
    *,
    phase: Annotated[str | None, typer.Option("--phase", help="Only this phase; by default all of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score anew, from stored predictions, what today's rules and scorer have not judged. No container runs.

    Of use after Arena was updated to another scorer, or when the rules that judge a phase were mended. Earlier
    scorecards and leaderboards stay. A worker that runs does the scoring; where none does, it is done here.

    For example:

        arena rejudge chest-phantom --phase autumn
    """
    host = open_host(Settings())
    host.store.check()
    declaration = Declaration.model_validate(version_in_force(host.store, challenge, utc_now()).declaration)
    if phase is not None and declaration.phase(phase) is None:
        raise NotFound(kind=f'phase of "{challenge}"', code_given=phase)
    phases = [phase] if phase is not None else [declared.name for declared in declaration.phases]
    marked = mark_outdated(host.store, challenge, phases)
    done_here = _settle_here(host, challenge, phases)
    if as_json:
        print_json({"marked": marked, "scored_here": done_here})
        return
    for name, count in marked.items():
        typer.echo(f"{name}: {count} evaluations to be judged anew." if count else f"{name}: nothing to judge anew.")
    if not done_here:
        typer.echo("The worker that runs scores them now and publishes; see `arena leaderboard`.")


def _settle_here(host: Host, challenge: str, phases: list[str]) -> bool:
    """Score and publish in this process unless a worker does it; say whether it was done here."""
    try:
        with only_dispatcher(host.store, host.settings.home):
            _settle(host, challenge, phases)
    except DispatcherRunning:
        return False
    return True


def _settle(host: Host, challenge: str, phases: list[str]) -> None:
    bell, child = threading.Event(), ScoringChild()
    try:
        settler = Settler(host.store, host.results, host.references, child, clock=utc_now, doorbell=bell.set)
        settle(settler, bell)
        publisher = Publisher(host.store, host.results, host.references, host.public, child)
        for slug, name in sorted(settler.scored):
            if slug == challenge and name in phases:
                publisher.publish(slug, name, utc_now())
    finally:
        child.close()
