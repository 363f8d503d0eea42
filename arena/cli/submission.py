"""`arena submission` and `arena logs`: what the vendor of a submission is told of its runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from arena.blobs import BlobStore
from arena.cli.output import print_json, print_table
from arena.evaluation.telling import ContainerText, KeptLogs, Told, kept_logs, tell
from arena.presentation.plain_log import sanitised
from arena.settings import ReaderSettings, Settings
from arena.store.session import Store

_Code = Annotated[str, typer.Argument(metavar="SUBMISSION", help="Code of the submission.")]


def submission(
    code: _Code,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how a submission's cases ended: counts for each evaluation, never a case.

    Of hidden cases a vendor learns no more: outcomes with their reasons, exit codes as zero, nonzero or signal, and for
    declared files how many are as declared. Of a final nothing is told before it is published. For example:

        arena submission s-7kq2mfh4zt
    """
    store = Store(ReaderSettings().database)
    store.check()
    with store.read() as session:
        found = tell(session, code)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        _print(code, each)


def logs(
    code: _Code,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a submission's containers wrote to stderr on sample cases; of hidden cases there is no log.

    Of each container the first 16 KiB and the last 48 KiB, of a shard at most 256 KiB; escape sequences are taken out,
    and what cannot be printed is shown as a sign. In modes `batch` and `case` stdout is part of it. For example:

        arena logs s-7kq2mfh4zt
    """
    settings = Settings()
    store = Store(settings.database)
    store.check()
    with store.read() as session:
        kept = kept_logs(session, BlobStore(settings.results_root), code)
    if as_json:
        print_json({"containers": [_plain(each) for each in kept.containers], "not_kept": kept.not_kept})
        return
    _print_logs(code, kept)


def _print(code: str, told: Told) -> None:
    title = f"{code} · {told.phase} · {told.n_cases} {told.split} cases · {told.state}"
    if told.ruling is not None:
        typer.echo(f"{title}: {told.ruling.replace('_', ' ')}. {told.reason}")
        return
    if told.endings is None:
        typer.echo(f"{title}: nothing is told yet.")
        return
    typer.echo(title)
    rows = [[name, str(count)] for name, count in told.endings.items()]
    print_table("How its cases ended", ["ending", "number"], rows, right=frozenset({"number"}))
    for name, counts in (told.files or {}).items():
        typer.echo(f"File {name}: " + ", ".join(f"{count} {word}" for word, count in counts.items()) + ".")
    if told.bits:
        typer.echo(f"These counts can carry at most {told.bits} bits.")


def _print_logs(code: str, kept: KeptLogs) -> None:
    if not kept.containers:
        typer.echo(f"{code} has left no log yet.")
    for each in kept.containers:
        typer.echo(f"== {each.phase}, shard {each.shard}, container {each.container}")
        typer.echo(_shown(each))
    if kept.not_kept:
        typer.echo(f"== of {kept.not_kept} more containers nothing was kept")


def _plain(each: ContainerText) -> dict[str, object]:
    return {"phase": each.phase, "shard": each.shard, "container": each.container, "text": _shown(each)}


def _shown(each: ContainerText) -> str:
    if not each.left_out_bytes:
        # Cut between two reads, not between two lines.
        return sanitised(each.head + each.tail)
    return f"{sanitised(each.head)}\n[{each.left_out_bytes} bytes left out]\n{sanitised(each.tail)}"
