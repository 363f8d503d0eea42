"""What comes out of a container as an archive is read by name and by size, and refused otherwise."""

import io
import itertools
import tarfile
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runners.archive import ArchiveRefusedError, Caps, Refusal, read_archive, read_archive_into

CAPS = Caps(1 << 20, members=16, depth=4)
REGULAR = tarfile.REGTYPE


def member(name: str, content: bytes = b"", kind: bytes = REGULAR, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """What Go's writer makes of it in the engines: PAX headers where a number or a name needs one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def chunks(content: bytes, size: int = 700) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def refusal(content: bytes, caps: Caps = CAPS, **wanted: int) -> Refusal:
    with pytest.raises(ArchiveRefusedError) as refused:
        read_archive(chunks(content), wanted or {"a": 100}, caps)
    return refused.value.refusal


def with_header(content: bytes, at: slice, value: bytes) -> bytes:
    """Change the first header and put its sum right."""
    header = bytearray(content[:512])
    header[at] = value
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[512:]


def test_files_that_are_kept_elsewhere_are_never_held_whole() -> None:
    content = archive(member("a", b"x" * (8 << 20)), member("b", b"y" * (8 << 20)))

    def counted(pieces: Iterator[memoryview]) -> int:
        return sum(map(len, pieces))

    tracemalloc.start()
    try:
        wanted = dict.fromkeys("ab", 16 << 20)
        found = read_archive_into(counted, chunks(content, 1 << 20), wanted, Caps(1 << 30, members=16))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.files == dict.fromkeys("ab", 8 << 20)
    assert most < 4 << 20


def test_a_wanted_file_is_read_whatever_stands_around_it() -> None:
    content = archive(
        member("output/", kind=tarfile.DIRTYPE),
        member("output/before", b"x" * 1000),
        member("output/c0001/report.dcm", b"report", uid=300_000 + 2**29, gid=300_000 + 2**29),
        member("output/after", kind=tarfile.SYMTYPE, linkname="/etc/passwd"),
    )
    for size in (1, 511, 512, 10_240):
        found = read_archive(chunks(content, size), {"output/c0001/report.dcm": 6}, CAPS)
        assert found.files == {"output/c0001/report.dcm": b"report"}
        assert (found.members, found.used_bytes) == (4, 1006)


def test_an_absent_file_is_not_there() -> None:
    assert read_archive(chunks(archive(member("b", b"x"))), {"a": 10}, CAPS).files == {}
    assert read_archive(chunks(archive()), {"a": 10}, CAPS).files == {}


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.DIRTYPE,
        b"7",
        b"L",
        b"S",
        b"g",
        b"s",
    ],
)
def test_whatever_is_no_plain_file_is_refused_by_its_name(kind: bytes) -> None:
    content = with_header(archive(member("a")), slice(156, 157), kind)
    assert read_archive(chunks(content), {"a": 100}, CAPS).files == {"a": Refusal.NOT_REGULAR}
    assert read_archive(chunks(content), {"b": 100}, CAPS).files == {}


def test_a_name_that_stands_twice_is_refused() -> None:
    content = archive(member("a", b"1"), member("a", b"2"))
    assert read_archive(chunks(content), {"a": 100}, CAPS).files == {"a": Refusal.TWICE}


def test_a_file_beyond_its_size_is_refused_and_never_kept() -> None:
    content = archive(member("a", b"x" * 101), member("b", b"y"))
    assert read_archive(chunks(content), {"a": 100, "b": 1}, CAPS).files == {"a": Refusal.TOO_LARGE, "b": b"y"}


def test_an_archive_beyond_its_caps_is_refused() -> None:
    assert refusal(archive(member("b", b"x" * 5000)), Caps(4096, 4)) is Refusal.TOO_LARGE
    assert refusal(archive(*(member(f"n{n}") for n in range(17)))) is Refusal.TOO_MANY
    assert refusal(archive(member("/".join("d" * 6)))) is Refusal.TOO_DEEP
    assert refusal(archive(member("n" * 2000))) is Refusal.ODD_NAME


def test_5000_folders_in_each_other_are_refused_at_the_first_that_is_too_deep() -> None:
    names = itertools.accumulate(itertools.repeat("d/", 5000))
    content = archive(*(member(name, kind=tarfile.DIRTYPE) for name in itertools.islice(names, 200)))
    assert refusal(content, Caps(1 << 30, 10_000, depth=16)) is Refusal.TOO_DEEP


@pytest.mark.parametrize(
    "name", ["a\nb", "$(id)", "<img onerror=x>", "\x1b[31m", "\udcff", "../a", "/a", "./a", "a ", "А"]
)
def test_only_the_exact_name_is_read(name: str) -> None:
    assert read_archive(chunks(archive(member(name, b"x"))), {"a": 100}, CAPS).files == {}


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (slice(124, 136), b"77777777777\0"),  # 8 GiB
        (slice(124, 136), b"\xff" * 12),  # -1, in base 256
        (slice(124, 136), b"\x80" + b"\0" * 10 + b"\1"),
        (slice(124, 136), b"-0000000001\0"),
        (slice(124, 136), b"0x000000010\0"),
        (slice(257, 262), b"USTAR"),
        (slice(0, 1), b"\0"),
    ],
)
def test_a_header_that_lies_ends_the_reading(at: slice, value: bytes) -> None:
    assert refusal(with_header(archive(member("a", b"x")), at, value)) in {Refusal.MALFORMED, Refusal.TOO_LARGE}


def test_a_wrong_sum_ends_the_reading() -> None:
    content = bytearray(archive(member("a", b"x")))
    content[0] ^= 1
    assert refusal(bytes(content)) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "records",
    [
        b"",
        b"0 path=a\n",
        b"-5 path=a\n",
        b"999 path=a\n",
        b"11 path=a\n",
        b"8 path=a",
        b"path=a\n",
        b"9 pathxa\n",
        b"\xff\xff",
        b"10 size=-1\n",
        b"26 size=99999999999999999\n",
        b"12 size=\xd9\xa1\n",
    ],
)
def test_an_extended_header_that_lies_ends_the_reading_or_changes_nothing(records: bytes) -> None:
    content = archive(member("x", records, kind=b"x"), member("a", b"1"))
    if not records:
        assert read_archive(chunks(content), {"a": 100}, CAPS).files == {"a": b"1"}
    else:
        assert refusal(content) is Refusal.MALFORMED


def test_extended_headers_do_not_stack_up() -> None:
    header = member("x", b"9 path=b\n"[:9], kind=b"x")
    assert refusal(archive(header, header, member("a", b"1"))) is Refusal.MALFORMED
    assert refusal(archive(member("x", b"1" * 20_000, kind=b"x"), member("a"))) is Refusal.ODD_NAME


def test_an_archive_that_is_cut_is_refused() -> None:
    whole = archive(member("a", b"x" * 600))
    for length in (0, 1, 511, 512, 1000, 1535):
        assert refusal(whole[:length], a=1000) is Refusal.MALFORMED


def test_a_reading_that_takes_too_long_ends() -> None:
    seconds = iter(range(100))
    with pytest.raises(ArchiveRefusedError) as refused:
        read_archive(itertools.repeat(b""), {"a": 1}, CAPS, late=lambda: next(seconds) > 50)
    assert refused.value.refusal is Refusal.LATE


@given(st.binary(max_size=4096), st.integers(1, 600))
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_do_more_than_be_refused(content: bytes, size: int) -> None:
    try:
        found = read_archive(chunks(content, size), {"a": 100}, CAPS)
    except ArchiveRefusedError:
        return
    assert set(found.files) <= {"a"}


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_damage_to_an_archive_does_more_than_be_refused(data: st.DataObject) -> None:
    content = bytearray(archive(member("a", b"x" * 10, uid=2**29), member("b", b"y" * 600)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_archive(chunks(bytes(content)), {"a": 100}, CAPS)
    except ArchiveRefusedError:
        return
    assert all(isinstance(each, Refusal) or len(each) <= 100 for each in found.files.values())
