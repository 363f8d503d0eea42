"""`arena evaluate` and `arena worker`: working the queue once, or for good."""

from __future__ import annotations

import json
import signal
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from arena.cli.logs import log_to_stderr, printable
from arena.settings import Settings
from arena.store import queue
from arena.wiring import Host, open_host
from arena.worker import Progress as QueueProgress
from arena.worker import Worker


def evaluate(
    *,
    retry_held: Annotated[
        bool, typer.Option("--retry-held", help="First let evaluations go on that were held by a fault of this host.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and no progress bar.")] = False,
) -> None:
    """Work the queue once: run, record and score every waiting submission, then publish.

    Does what is due at phases' boundaries too (closing, nominating for the final, publishing). Run it again at any
    time: what is done is not done twice. Example:

        arena evaluate --retry-held
    """
    host = open_host(Settings())
    host.store.check()
    if retry_held:
        with host.store.write() as session:
            queue.release_held(session)
    worker = Worker(host)
    if as_json:
        worker.run_until_idle()
    else:
        run_with_progress(worker)
    report(host, as_json=as_json)


def run_with_progress(worker: Worker) -> None:
    """Work the queue once under a progress bar of cases."""
    with queue_progress() as bar:
        task = bar.add_task("Evaluating", total=None, visible=False)

        def show(progress: QueueProgress) -> None:
            planned = progress.cases_planned
            bar.update(task, completed=progress.cases_done, total=planned or None, visible=planned > 0)

        worker.run_until_idle(show)


def queue_progress() -> Progress:
    """Return the progress bar that every long evaluation shows."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cases"),
        TimeElapsedColumn(),
    )


def report(host: Host, *, as_json: bool) -> None:
    """Say how many evaluations stand in which state, and what to do about held ones."""
    with host.store.read() as session:
        counts = queue.state_counts(session)
        held = [(evaluation.code, evaluation.held_reason) for evaluation in queue.held(session)]
    if as_json:
        typer.echo(json.dumps({"evaluations": counts, "held": [{"code": c, "reason": r} for c, r in held]}))
        return
    if not counts:
        typer.echo("Nothing to evaluate: no submission has been made yet. Make one with `arena submit`.")
        return
    typer.echo("Evaluations: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) + ".")
    for code, reason in held:
        why = printable(reason or "no reason is known")
        typer.echo(f"  {code} is held: {why}. Mend the host, then --retry-held; or see `arena held`.")


def work() -> None:
    """Work the queue for good, with the schedule, until SIGTERM or Ctrl-C.

    One worker works for one state at a time; a second one stops and names the first. `arena serve` starts it for you.
    """
    log_to_stderr()
    host = open_host(Settings())
    host.store.check()
    worker = Worker(host)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: worker.stop())
    worker.run()
