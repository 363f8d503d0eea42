"""The archive of a study: read as `tarfile` reads it, where it is plain, and refused where it is anything else."""

import io
import tarfile
from collections.abc import Iterable

import pytest

from runners.ustar import MalformedArchiveError, Read, members

SIZES = (0, 1, 511, 512, 513, 100_000, (1 << 20) + 1)
PLAIN = [(f"s1/i{number:04d}.dcm", bytes([number]) * size) for number, size in enumerate(SIZES, 1)]


def archive(files: Iterable[tuple[str, bytes]], *, form: int = tarfile.USTAR_FORMAT, kind: bytes = b"0") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as made:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            made.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def read_all(read: Read) -> list[tuple[str, bytes]]:
    return [(member.name, b"".join(member.content)) for member in members(read)]


@pytest.mark.parametrize("most", [1, 100, 1 << 20])
def test_it_reads_what_tarfile_wrote_however_little_comes_at_once(most: int) -> None:
    files = PLAIN if most > 1 else PLAIN[:5]
    stream = io.BytesIO(archive(files))
    assert read_all(lambda size: stream.read(min(size, most))) == files


def test_what_is_not_wanted_of_a_member_is_passed_over() -> None:
    names = [member.name for member in members(io.BytesIO(archive(PLAIN)).read)]
    assert names == [name for name, _ in PLAIN]


def test_the_stream_is_left_where_the_archive_ends() -> None:
    stream = io.BytesIO(archive(PLAIN[:1]) + b"behind")
    assert read_all(stream.read) == PLAIN[:1]
    assert stream.read().endswith(b"behind")


def test_an_archive_may_end_without_its_blocks_of_zeros() -> None:
    assert read_all(io.BytesIO(archive(PLAIN[3:4])[:1024]).read) == PLAIN[3:4]
    assert read_all(io.BytesIO(b"").read) == []


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, b"9"])
def test_a_member_of_another_kind_is_refused(kind: bytes) -> None:
    with pytest.raises(MalformedArchiveError, match="no plain file"):
        read_all(io.BytesIO(archive([("s1/i0001.dcm", b"")], kind=kind)).read)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extensions_are_refused(form: int) -> None:
    with pytest.raises(MalformedArchiveError, match="no plain file"):
        read_all(io.BytesIO(archive([("s1/" + "i" * 200, b"x")], form=form)).read)


def test_a_damaged_header_does_not_end_an_archive_in_silence() -> None:
    whole = bytearray(archive([("s1/i0001.dcm", b"x"), ("s1/i0002.dcm", b"y")]))
    whole[1024] ^= 1
    with tarfile.open(fileobj=io.BytesIO(whole)) as passed_over:
        assert passed_over.getnames() == ["s1/i0001.dcm"]
    with pytest.raises(tarfile.TarError, match="checksum"):
        read_all(io.BytesIO(whole).read)


@pytest.mark.parametrize("length", [100, 511, 513, 612, 700, 1023])
def test_an_archive_that_is_cut_is_refused_wherever_that_is(length: int) -> None:
    whole = archive([("s1/i0001.dcm", b"x" * 100)])
    with pytest.raises((MalformedArchiveError, tarfile.TarError)):
        read_all(io.BytesIO(whole[:length]).read)


def test_a_size_below_nothing_is_refused() -> None:
    whole = bytearray(archive([("s1/i0001.dcm", b"")])[:512])
    whole[124:136] = b"\xff" * 12  # GNU's own form of a number: -1
    whole[148:156] = b"%06o\0 " % (sum(whole) - sum(whole[148:156]) + 8 * ord(" "))
    with pytest.raises(MalformedArchiveError, match="no plain file"):
        read_all(io.BytesIO(whole).read)
