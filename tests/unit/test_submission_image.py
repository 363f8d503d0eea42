"""An image archive is looked into as hostile bytes, and written anew without what was not asked for."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import ArchiveUnsupported, MalformedSubmission
from arena.submission.image import ImageCaps, inspect_image, write_clean
from tests.bundles import FakeImage, add_member, layer


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def named(name: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = 1
    return member, b"x"


def test_a_saved_image_is_known_by_its_configurations_digest(tmp_path: Path) -> None:
    image = FakeImage()
    facts = inspect_image(image.write(tmp_path / "image.tar"))
    assert facts.image_id == image.image_id
    assert [found.diff_id for found in facts.layers] == [hashlib.sha256(image.layers[0]).hexdigest()]


def test_an_entrypoint_without_a_command_is_enough(tmp_path: Path) -> None:
    image = FakeImage(runtime={"Entrypoint": ["/run"]})
    assert inspect_image(image.write(tmp_path / "image.tar")).image_id == image.image_id


def test_a_layer_that_occurs_twice_may_be_a_link_to_the_first(tmp_path: Path) -> None:
    content = layer("hello.txt", b"hello")
    image = FakeImage(layers=[content])
    image.config_changes = {"rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"] * 2}}
    image.manifest = [{"Config": f"{image.image_id[7:]}.json", "Layers": ["layer0/layer.tar", "layer1/layer.tar"]}]
    image.extra = [special("layer1/layer.tar", tarfile.SYMTYPE, "../layer0/layer.tar")]
    facts = inspect_image(image.write(tmp_path / "image.tar"))
    write_clean(tmp_path / "image.tar", facts, tmp_path / "clean.tar")
    assert inspect_image(tmp_path / "clean.tar").image_id == image.image_id


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": "arm64"}, "linux/arm64, and cases run on linux/amd64"),
        ({"runtime": {}}, "neither ENTRYPOINT nor CMD"),
        ({"runtime": {"Cmd": [], "Entrypoint": []}}, "neither ENTRYPOINT nor CMD"),
        ({"runtime": {"Cmd": "run"}}, "configuration is not as"),
        ({"runtime": {"Cmd": ["run"], "WorkingDir": "/app/../proc/self"}}, "WORKDIR"),
        ({"runtime": {"Cmd": ["run"], "WorkingDir": "//sys"}}, "WORKDIR"),
        ({"runtime": {"Cmd": ["run"], "Env": ["A=" + "x" * 70_000]}}, "environment"),
        ({"runtime": {"Cmd": ["run"], "Labels": {"a": "x" * 300_000}}}, "labels"),
        ({"config_name": f"{'0' * 64}.json"}, "its name says 000000000000"),
        ({"config_changes": {"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}}, "layer 1 does not have the digest"),
        ({"config_changes": {"rootfs": {"diff_ids": []}}}, "1 layers and names 0"),
        ({"layers": []}, "0 layers"),
        ({"manifest": []}, "holds 0 images"),
        ({"manifest": [{"Config": "a", "Layers": []}, {"Config": "b", "Layers": []}]}, "holds 2 images"),
        ({"manifest": {"Config": "a"}}, "manifest.json is not as"),
        ({"manifest": [{"Config": "../../etc/shadow", "Layers": ["a"]}]}, "does not hold"),
        ({"extra": [named("../escape")]}, "plain relative path"),
        ({"extra": [named("/etc/passwd")]}, "plain relative path"),
        ({"extra": [named("a/../../b")]}, "plain relative path"),
        ({"extra": [named("a\x1b[31m")]}, "plain relative path"),
        ({"extra": [named("twice"), named("twice")]}, "two of its members"),
        ({"extra": [special("dev", tarfile.BLKTYPE)]}, "a device, a link"),
        ({"extra": [special("fifo", tarfile.FIFOTYPE)]}, "a device, a link"),
        ({"extra": [special("hard", tarfile.LNKTYPE, "manifest.json")]}, "a device, a link"),
        ({"extra": [special("soft", tarfile.SYMTYPE, "/etc/passwd")]}, "a device, a link"),
        ({"extra": [special("x/layer.tar", tarfile.SYMTYPE, "../../etc/passwd")]}, "links to what it does not hold"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_run_is_refused_with_a_reason_and_a_next_step(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = FakeImage(**changes).write(tmp_path / "image.tar")
    with pytest.raises(MalformedSubmission) as caught:
        inspect_image(path)
    assert reason in str(caught.value.facts["reason"])
    assert caught.value.facts["next_step"]


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        (ImageCaps(archive_bytes=1000), "more than 1000"),
        (ImageCaps(members=2), "more than 2 members"),
        (ImageCaps(layers=0), "1 to 0"),
        (ImageCaps(json_bytes=50), "more than 50"),
        (ImageCaps(header_bytes=600), "headers"),
    ],
)
def test_every_cap_is_kept(tmp_path: Path, caps: ImageCaps, reason: str) -> None:
    with pytest.raises(MalformedSubmission, match=reason):
        inspect_image(FakeImage().write(tmp_path / "image.tar"), caps)


def test_a_layer_that_unpacks_beyond_its_cap_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = FakeImage(layers=[bytes(200 * 2**20)], gzip_layers=True).write(tmp_path / "bomb.tar")
    assert path.stat().st_size < 2**20
    with pytest.raises(MalformedSubmission, match="larger than the limit"):
        inspect_image(path, ImageCaps(layer_bytes=10 * 2**20))


def test_a_name_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**30
    path = tmp_path / "image.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 2**30 + 4096)  # a sparse file: the bytes are claimed, not there
    with pytest.raises(MalformedSubmission, match="headers are larger"):
        inspect_image(path)


def test_ten_thousand_headers_before_a_member_are_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 512
    record = b"11 path=ab\n".ljust(512, b"\0")
    path = tmp_path / "image.tar"
    path.write_bytes((header.tobuf(tarfile.USTAR_FORMAT) + record) * 10_000)
    with pytest.raises(MalformedSubmission):
        inspect_image(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a whole tar"),
        (b"not a tar" * 1000, "not a whole tar"),
        (gzip.compress(b"a tar, says its vendor", mtime=0), "compressed"),
        (bytes(10_240), "no manifest"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(MalformedSubmission, match=reason):
        inspect_image(path)


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedSubmission, match="no such file"):
        inspect_image(tmp_path / "image.tar")
    with pytest.raises(MalformedSubmission, match="not a file"):
        inspect_image(tmp_path)


def test_an_archive_without_a_table_of_contents_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as archive:
        add_member(archive, "oci-layout", b"{}")
    with pytest.raises(ArchiveUnsupported, match=r"OCI layout.*podman save --format docker-archive"):
        inspect_image(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_is_accepted_as_the_same_image_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    image = FakeImage()
    content = bytearray(image.write(tmp_path / "image.tar").read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, 6000))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.tar"
    path.write_bytes(content[:cut] if data.draw(st.booleans()) else content)
    try:
        facts = inspect_image(path)
    except MalformedSubmission:
        return
    assert facts.image_id == f"sha256:{hashlib.sha256(facts.config).hexdigest()}"
    assert json.loads(facts.config)["architecture"] == "amd64"


def test_a_clean_archive_holds_configuration_layers_and_no_tag(tmp_path: Path) -> None:
    image = FakeImage(layers=[layer("a", b"a"), layer("b", b"b"), layer("a", b"a")], extra=[named("repositories")])
    facts = inspect_image(image.write(tmp_path / "image.tar"))
    write_clean(tmp_path / "image.tar", facts, tmp_path / "clean.tar")
    with tarfile.open(tmp_path / "clean.tar") as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    digests = [hashlib.sha256(content).hexdigest() for content in image.layers]
    config = f"{image.image_id.removeprefix('sha256:')}.json"
    assert sorted(names) == sorted({config, "manifest.json", *(f"{digest}.tar" for digest in digests)})
    assert manifest == [{"Config": config, "RepoTags": None, "Layers": [f"{digest}.tar" for digest in digests]}]
    assert inspect_image(tmp_path / "clean.tar").image_id == image.image_id


def test_equal_images_give_equal_archives_however_they_were_saved(tmp_path: Path) -> None:
    written = []
    for name, image in (("plain", FakeImage()), ("gzip", FakeImage(gzip_layers=True, extra=[named("repositories")]))):
        path = image.write(tmp_path / f"{name}.tar")
        write_clean(path, inspect_image(path), tmp_path / f"{name}-clean.tar")
        written.append((tmp_path / f"{name}-clean.tar").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("cut", [False, True])
def test_an_archive_that_changes_after_its_check_is_refused(tmp_path: Path, *, cut: bool) -> None:
    path = FakeImage(layers=[layer("model", bytes(5 * 2**20))]).write(tmp_path / "image.tar")
    facts = inspect_image(path)
    with path.open("r+b") as stream:
        if cut:
            stream.truncate(facts.layers[0].offset + 1000)
        else:
            stream.seek(facts.layers[0].offset + 3 * 2**20)
            stream.write(b"changed")
    with pytest.raises(MalformedSubmission, match="changed while it was read"):
        write_clean(path, facts, tmp_path / "clean.tar")
