"""Where the fuzzers begin: the answers of the hostile corpus, archives as engines write them, tables, small files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.hostile.payloads import PAYLOADS, answer

CASE = "c0007"
_LONGEST = 32_768


def _answers() -> list[bytes]:
    written = [payload.line(CASE) for payload in PAYLOADS if payload.name != "30_mb_of_empty_lists"]
    declined = b'{"case": "c0007", "abstain": true, "reason": "unreadable"}'
    return [answer(CASE), declined, *(line for line in written if len(line) <= _LONGEST)]


def _archives() -> list[bytes]:
    seeds = []
    for form in (tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for name, kind, content in (
                ("output/", tarfile.DIRTYPE, b""),
                ("output/c0001/report.dcm", tarfile.REGTYPE, b"x" * 700),
                ("output/predictions.jsonl", tarfile.SYMTYPE, b""),
                ("output/" + "n" * 90, tarfile.REGTYPE, b"y"),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname = kind, len(content), "/etc/passwd" if not content else ""
                info.uid = 300_000 if form == tarfile.USTAR_FORMAT else 300_000 + 2**29
                tar.addfile(info, io.BytesIO(content))
        seeds.append(buffer.getvalue())
    return seeds


def _lines() -> list[bytes]:
    return [b"\n".join([answer("c0001"), answer(CASE)]) + b"\n", answer(CASE), answer(CASE) + b"\n" + answer(CASE)]


def _labels() -> list[bytes]:
    head = "study,patient,nodule,effusion,sex,age,site,manufacturer\n"
    return [
        (head + "a.dcm,p1,0,1,F,61,North,Acme\nb/c,p2,,unknown,,,,\n").encode(),
        b'\xef\xbb\xbfstudy,patient,nodule,effusion\r\n"a,b.dcm",p1,1,0\r\n',
        b'study,patient,nodule,effusion\n"a.dcm,p1,0,1\nb.dcm,p2,1,0\n',
    ]


def _readers() -> list[bytes]:
    head = (
        "finding,label,kind,source,readers,sensitivity,specificity,n_positive,n_negative,true_positive,true_negative\n"
    )
    return [
        (
            head + "nodule,Reader A,point,Paper 2020,1,0.8,0.9,,,,\neffusion,Reader A,point,Paper,1,,,40,60,30,50\n"
        ).encode(),
        (head + "nodule,Panel,curve,Paper,5,0.5,0.95,,,,\nnodule,Panel,curve,Paper,5,0.8,0.7,,,,\n").encode(),
    ]


def _files() -> list[bytes]:
    # They bring the database along, for which the other fuzzers need not wait.
    from tests.radiographs import encode  # noqa: PLC0415
    from tests.reports import report, secondary_capture  # noqa: PLC0415

    return [encode(report()), encode(secondary_capture())]


def _logs() -> list[bytes]:
    return [b"\x1b[31mred\x1b[0m\x1b]0;title\x07\r\nnext\xe2\x80\xae\xff", "Ошибка \u202e\u200b\x9b2J\u2028".encode()]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "answer": _answers,
    "naive_answer": _answers,
    "archive": _archives,
    "lines": _lines,
    "labels": _labels,
    "readers": _readers,
    "output_file": _files,
    "log": _logs,
}


def write_seeds(name: str, folder: Path) -> None:
    """Put the seeds of a target into a new folder, one file each."""
    folder.mkdir(parents=True)
    for number, content in enumerate(SEEDS[name]()):
        (folder / f"{number:03d}").write_bytes(content)
