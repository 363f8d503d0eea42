"""From a study's blob to the folder that a container sees."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from runners.conformance import sample_study
from runners.faults import StudyUnavailable
from runners.stage import Stage, compare_with_stage
from runners.values import BlobRef, CaseInput


class Blobs:
    """Blobs in memory under whatever digest the test says."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, content: bytes, digest: str | None = None) -> BlobRef:
        name = digest or hashlib.sha256(content).hexdigest()
        self.content[name] = content
        return BlobRef(name, len(content))

    def open(self, ref: BlobRef) -> BinaryIO:
        if ref.sha256 not in self.content:
            raise LookupError(ref.sha256)
        return io.BytesIO(self.content[ref.sha256])

    def local_path(self, ref: BlobRef) -> Path:
        raise NotImplementedError


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


@pytest.fixture
def stage(tmp_path: Path, blobs: Blobs) -> Iterator[Stage]:
    staged = Stage(tmp_path / "runner" / "attempt", blobs)
    staged.open()
    yield staged
    staged.close()
    assert not (tmp_path / "runner" / "attempt").exists()


def archive(*members: tuple[str, bytes, bytes]) -> bytes:
    """A tar archive of (name, type, content); links get their content as target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            else:
                member.linkname = content.decode()
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_study_is_seen_whole_only_when_it_is_revealed(stage: Stage, blobs: Blobs) -> None:
    staged = stage.prepare(CaseInput("c0001", blobs.put(sample_study(1))), digests=True)
    assert list(stage.input.iterdir()) == []
    stage.reveal(staged)
    files = {path.relative_to(stage.input).as_posix(): path for path in stage.input.rglob("*.dcm")}
    assert sorted(files) == ["c0001/s1/i0001.dcm", "c0001/s2/i0001.dcm"]
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == {
        f"c0001/{name}": digest for name, digest in staged.files.items()
    }
    stage.discard(staged)
    assert list(stage.input.iterdir()) == []


def test_times_and_modes_carry_nothing(stage: Stage, blobs: Blobs) -> None:
    old = os.umask(0o077)
    try:
        staged = stage.prepare(CaseInput("c0001", blobs.put(sample_study(1))))
    finally:
        os.umask(old)
    stage.reveal(staged)
    found = [stage.input / "c0001", *(stage.input / "c0001").rglob("*")]
    assert {path.stat().st_mtime for path in found} == {0.0}
    assert {path.stat().st_mode & 0o7777 for path in found if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o7777 for path in found if path.is_file()} == {0o644}


def test_other_users_of_the_host_cannot_enter_the_staging_folder(stage: Stage) -> None:
    assert stage.input.parent.stat().st_mode & 0o7777 == 0o700


def test_a_damaged_study_is_never_revealed(stage: Stage, blobs: Blobs) -> None:
    content = bytearray(sample_study(1))
    good = hashlib.sha256(content).hexdigest()
    content[600] ^= 1
    with pytest.raises(StudyUnavailable, match="damaged"):
        stage.prepare(CaseInput("c0001", blobs.put(bytes(content), good)))
    assert list(stage.input.iterdir()) == []


def test_bytes_behind_the_archive_belong_to_the_digest(stage: Stage, blobs: Blobs) -> None:
    good = sample_study(1)
    with pytest.raises(StudyUnavailable, match="damaged"):
        stage.prepare(CaseInput("c0001", blobs.put(good + b"more", hashlib.sha256(good).hexdigest())))


def test_a_missing_study_is_a_fault_of_the_host(stage: Stage) -> None:
    with pytest.raises(StudyUnavailable, match="cannot be fetched"):
        stage.prepare(CaseInput("c0001", BlobRef("0" * 64, 1)))


@pytest.mark.parametrize("name", ["../x", "/abs", "a/b", "", ".hidden", "c\n1", "x" * 65])
def test_a_case_name_never_leads_elsewhere(stage: Stage, blobs: Blobs, name: str) -> None:
    with pytest.raises(StudyUnavailable, match="Not a case name"):
        stage.prepare(CaseInput(name, blobs.put(sample_study(1))))


@pytest.mark.parametrize(
    "members",
    [
        [("../x.dcm", tarfile.REGTYPE, b"x")],
        [("/s1/i0001.dcm", tarfile.REGTYPE, b"x")],
        [("s1/../../i.dcm", tarfile.REGTYPE, b"x")],
        [("s1/notes.txt", tarfile.REGTYPE, b"x")],
        [("s1/i0001.dcm", tarfile.SYMTYPE, b"/etc/passwd")],
        [("s1/i0001.dcm", tarfile.LNKTYPE, b"/etc/passwd")],
        [("s1/i0001.dcm", tarfile.FIFOTYPE, b"")],
        [("s1", tarfile.DIRTYPE, b"")],
        [("s1/i0001.dcm", tarfile.REGTYPE, b"x"), ("s1/i0001.dcm", tarfile.REGTYPE, b"y")],
        [],
    ],
)
def test_only_files_of_series_are_unpacked(
    stage: Stage, blobs: Blobs, tmp_path: Path, members: list[tuple[str, bytes, bytes]]
) -> None:
    with pytest.raises(StudyUnavailable, match="cannot be unpacked"):
        stage.prepare(CaseInput("c0001", blobs.put(archive(*members))))
    assert not (tmp_path / "x.dcm").exists()


def test_an_archive_cut_in_the_middle_is_refused(stage: Stage, blobs: Blobs) -> None:
    with pytest.raises(StudyUnavailable):
        stage.prepare(CaseInput("c0001", blobs.put(sample_study(1)[:1200])))


def test_what_the_container_would_see_is_compared_file_by_file(stage: Stage, blobs: Blobs) -> None:
    staged = stage.prepare(CaseInput("c0001", blobs.put(sample_study(1))), digests=True)
    one, two = (hashlib.shake_128(f"1/s{k}/i0001.dcm".encode()).digest(2_000) for k in (1, 2))
    regular = tarfile.REGTYPE

    def seen(*members: tuple[str, bytes, bytes]) -> list[bytes]:
        whole = archive(("c0001", tarfile.DIRTYPE, b""), *members)
        return [whole[i : i + 700] for i in range(0, len(whole), 700)]

    right = ("c0001/s1/i0001.dcm", regular, one), ("c0001/s2/i0001.dcm", regular, two)
    compare_with_stage(staged, seen(*right))
    for wrong in [
        (),
        right[:1],
        (right[0], ("c0001/s2/i0001.dcm", regular, one)),
        (*right, ("c0001/s2/i0002.dcm", regular, one)),
        (right[0], ("c0001/s2/i0001.dcm", tarfile.SYMTYPE, b"/x")),
    ]:
        with pytest.raises(StudyUnavailable, match="would not see"):
            compare_with_stage(staged, seen(*wrong))
