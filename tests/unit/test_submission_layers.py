"""A layer's members are read by a reader of our own, strictly, and only plain ones pass."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.errors import ImageFileRefused, ImageTooLarge, MalformedSubmission
from arena.submission.caps import ImageCaps, shown_bytes
from arena.submission.layers import LayerCheck, shown_name
from arena.submission.tarstream import Feed, OddTarError, members
from tests.archives import entry, layer_of
from tests.bundles import layer

DIR, SYM, HARD, FIFO, CHAR = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE


def chunks(content: bytes, size: int = 700) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def check(*layers: bytes, caps: ImageCaps | None = None) -> LayerCheck:
    checked = LayerCheck(caps or ImageCaps())
    for number, content in enumerate(layers, start=1):
        found = checked.check(number, chunks(content), checked.caps.layer_bytes)
        assert found == (hashlib.sha256(content).hexdigest(), len(content))
    return checked


def xattr(name: str, value: str = "x") -> dict[str, str]:
    return {f"SCHILY.xattr.{name}": value}


@pytest.mark.parametrize(
    "layers",
    [
        (b"",),
        (bytes(1024),),
        (layer_of(entry("./", DIR), entry("./etc/", DIR), ("./etc/passwd", b"x")),),
        (layer_of(entry("lib", SYM, "usr/lib"), entry("usr/lib/", DIR), entry("etc/mtab", SYM, "/proc/mounts")),),
        (layer_of(("a", b"x"), entry("b", HARD, "a"), entry("c", HARD, "./b")),),
        (layer_of(entry("lib", SYM, "usr/lib")), layer_of(entry("lib/", DIR), ("lib/x", b"x"))),
        (layer_of(entry("lib", SYM, "usr/lib")), layer_of(entry(".wh.lib")), layer_of(("lib/x", b"x"))),
        (layer_of(entry("d/.wh..wh..opq"), entry("d/.wh.gone")),),
        (layer_of(entry("dev/null", CHAR, devmajor=1, devminor=3), entry("run/pipe", FIFO)),),
        (layer_of(entry("a", pax_headers=xattr("user.note"))),),
        (layer_of(("é" * 120 + "/" + "n" * 200, b"x")),),
        (layer_of(("n" * 150, b"x"), entry("l" * 150, SYM, "t" * 300), form=tarfile.GNU_FORMAT),),
        (layer_of(entry("old", mtime=-5), form=tarfile.GNU_FORMAT), layer_of(entry("old", mtime=-5.5))),
    ],
)  # fmt: skip
def test_what_images_are_made_of_passes(layers: tuple[bytes, ...]) -> None:
    check(*layers)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ((layer_of(("../x", b"")),), "not a plain relative path"),
        ((layer_of(("/etc/x", b"")),), "not a plain relative path"),
        ((layer_of(("a/../../x", b"")),), "not a plain relative path"),
        ((layer_of(("a//x", b"")),), "not a plain relative path"),
        ((layer_of(entry("..", DIR)),), "not a plain relative path"),
        ((layer_of(("n" * 256, b"")),), "too long a name"),
        ((layer_of(("n/" * 2500 + "n", b"")),), "too long a name"),
        ((layer_of(entry(".", SYM, "/")),), "replace the root"),
        ((layer_of(entry("a", SYM, "/etc"), ("a/x", b"")),), "behind a symbolic link"),
        ((layer_of(entry("a", SYM, "b"), ("a/b/c/x", b"")),), "behind a symbolic link"),
        ((layer_of(entry("a", SYM, "/etc")), layer_of(("a/x", b""))), "behind a symbolic link"),
        ((layer_of(("a", b""), ("a/x", b"")),), "below a file"),
        ((layer_of(entry("a", HARD, "/etc/passwd")),), "no[nt].* plain relative path"),
        ((layer_of(entry("a", HARD, "../x")),), "not a plain relative path"),
        ((layer_of(entry("a", HARD, "b")),), "no file of its layer"),
        ((layer_of(entry("d/", DIR), entry("a", HARD, "d")),), "no file of its layer"),
        ((layer_of(entry("s", SYM, "/etc"), entry("a", HARD, "s/passwd")),), "behind a symbolic link"),
        ((layer_of(entry("a", SYM, "")),), "link to nothing"),
        ((layer_of(entry("a", SYM, "t" * 4001)),), "too long a target"),
        ((layer_of(entry("dev/sda", tarfile.BLKTYPE, devmajor=8)),), "is a device"),
        ((layer_of(entry("dev/null", tarfile.BLKTYPE, devmajor=1, devminor=3)),), "is a device"),
        ((layer_of(entry("dev/null", CHAR, devmajor=1, devminor=1)),), "is a device"),
        ((layer_of(entry("tmp/null", CHAR, devmajor=1, devminor=3)),), "is a device"),
        ((layer_of(entry(".wh.")),), "marks something as removed"),
        ((layer_of(entry(".wh...")),), "marks something as removed"),
        ((layer_of(entry(".wh..wh.plnk")),), "marks something as removed"),
        ((layer_of(entry(".wh.a", SYM, "b")),), "marks something as removed"),
        ((layer_of(entry("a", pax_headers=xattr("trusted.overlay.opaque", "y"))),), "extended attributes"),
        ((layer_of(entry("a", pax_headers=xattr("security.capability", "\x01"))),), "extended attributes"),
        ((layer_of(entry("a", pax_headers=xattr("system.posix_acl_access"))),), "extended attributes"),
        ((layer_of(entry("a", pax_headers=xattr("user.big", "x" * 3000))),), "extended attributes"),
    ],
)  # fmt: skip
def test_what_no_image_needs_is_refused_by_member(layers: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(ImageFileRefused, match=reason) as caught:
        check(*layers)
    assert caught.value.facts["layer"] == len(layers)


def patched(content: bytes, at: int, change: bytes, *, mend: bool = True) -> bytes:
    """Change a header's bytes, and its checksum with them."""
    header = bytearray(content[:512])
    header[at : at + len(change)] = change
    if mend:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[512:]


def pax(record: bytes) -> bytes:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    return header.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)


def record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    return next(b"%d" % n + body for n in range(len(body), len(body) + 9) if n == len(body) + len(b"%d" % n))


PLAIN = layer("a", b"x")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (patched(PLAIN, 0, b"b", mend=False), "checksum"),
        (patched(PLAIN, 257, b"nothing"), "no known format"),
        (patched(PLAIN, 508, b"tar\0"), "not every reader knows"),
        (patched(PLAIN, 124, b"99999999999\0"), "a number in a header is none"),
        (patched(PLAIN, 124, b"\xff" * 12), "negative"),
        (patched(PLAIN, 136, b"soon\0"), "a number in a header is none"),
        (patched(PLAIN, 108, b"\x80\0\0\0\x80\0\0\0"), "too large"),
        (patched(PLAIN, 156, b"S"), "unknown kind"),
        (patched(PLAIN, 156, b"5"), "has a size"),
        (patched(PLAIN, 0, b"a/"), "name of a folder"),
        (PLAIN[:700], "middle of a file"),
        (PLAIN[:300], "middle of a header"),
        (PLAIN[:1024] + bytes(512) + PLAIN, "behind its end mark"),
        (PLAIN + b"hidden", "behind its end mark"),
        (pax(record(b"path", b"b")), "after an extended header"),
        (pax(record(b"path", b"b")) * 2 + PLAIN, "two kinds of long names"),
        (pax(record(b"path", b"b") + record(b"path", b"c")) + PLAIN, "says something twice"),
        (pax(record(b"path", b"b\0c")) + PLAIN, "has a NUL"),
        (pax(record(b"path", b"")) + PLAIN, "is empty"),
        (pax(record(b"size", b"-1")) + PLAIN, "number in an extended header"),
        (pax(record(b"uid", b"9" * 15)) + PLAIN, "owner's number"),
        (pax(record(b"mtime", b"noon")) + PLAIN, "a time in an extended header"),
        (pax(record(b"GNU.sparse.major", b"1")) + PLAIN, "sparse"),
        (pax(b"99 path=b\n") + PLAIN, "damaged"),
        (pax(b"no record at all") + PLAIN, "damaged"),
        (patched(pax(record(b"path", b"b")), 156, b"g") + PLAIN, "meant for all members"),
        (patched(pax(b"x"), 124, b"%011o\0" % (2**20 + 1)) + PLAIN, "more than 1048576"),
    ],
)  # fmt: skip
def test_a_layer_that_two_readers_could_read_differently_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ImageFileRefused, match=reason):
        check(content)


def test_a_size_in_an_extended_header_counts() -> None:
    content = pax(record(b"size", b"1")) + patched(PLAIN, 124, b"00000000000\0")
    assert [(member.name, member.size) for member in members(Feed(chunks(content)))] == [(b"a", 1)]


def test_members_bytes_and_layers_together_are_capped() -> None:
    content = layer_of(*(entry(f"f{number}") for number in range(6)))
    assert check(content, caps=ImageCaps(files=6)).files == 6
    with pytest.raises(ImageTooLarge, match="more than 5 files"):
        check(content, caps=ImageCaps(files=5))
    with pytest.raises(ImageTooLarge, match="more than 5 files"):
        check(PLAIN, content, caps=ImageCaps(files=5))
    with pytest.raises(ImageTooLarge, match=r"limit of 1\.00 KiB"):
        check(PLAIN, caps=ImageCaps(layer_bytes=1024, image_bytes=1024))
    with pytest.raises(ImageTooLarge, match=r"limit of 15\.0 KiB"):
        check(PLAIN, PLAIN, caps=ImageCaps(image_bytes=15 * 1024))


def test_setuid_files_and_capabilities_are_counted_and_let_through() -> None:
    content = layer_of(entry("su", mode=0o4755), entry("wall", mode=0o2755), entry("d/", DIR, mode=0o2755), ("a", b"x"))
    assert check(content).privileged == 2


def test_a_hostile_name_is_shown_as_plain_ascii() -> None:
    assert shown_name('a\x1b[31m<b>"é\\ &`'.encode()) == "a\\x1b[31m\\x3cb\\x3e\\x22\\xc3\\xa9\\x5c\\x20\\x26\\x60"
    assert len(shown_name(b"n" * 500)) == 81


@pytest.mark.parametrize(("size", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.00 KiB"), (20 * 2**30, "20.0 GiB"), (1000 * 2**20, "1000 MiB"), (2**50, "1024 TiB")])  # fmt: skip
def test_sizes_are_shown_to_three_digits(size: int, text: str) -> None:
    assert shown_bytes(size) == text


NAMES = st.text(st.sampled_from("ab/.é-"), min_size=1, max_size=150)


@settings(max_examples=150)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=700)), max_size=6), st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 2000))  # fmt: skip
def test_our_reader_sees_what_tarfile_sees(files: list[tuple[str, bytes]], form: int, size: int) -> None:
    named = [(name.rstrip("/") or "a", content) for name, content in files]
    content = layer_of(*named, form=form)
    seen = [(member.name.decode(), member.size) for member in members(Feed(chunks(content, size)))]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert seen == [(member.name, member.size) for member in archive.getmembers()]


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_layer_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(layer_of(("n" * 120, b"x" * 600), entry("s", SYM, "n"), entry("h", HARD, "n" * 120)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # mend the first checksum, so that what lies behind it is reached
        content = bytearray(patched(bytes(content), 0, b""))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        LayerCheck(ImageCaps()).check(1, chunks(damaged), 2**30)
    except MalformedSubmission:
        return
    seen = [member.name.removesuffix(b"/") for member in members(Feed(chunks(damaged)))]
    with tarfile.open(fileobj=io.BytesIO(damaged or bytes(1024)), errors="surrogateescape") as archive:
        assert seen == [member.name.encode(errors="surrogateescape") for member in archive.getmembers()]


def test_an_odd_tar_error_is_no_member_of_the_public_tree() -> None:
    assert issubclass(OddTarError, ValueError)
    assert not issubclass(OddTarError, MalformedSubmission)
