"""Both forms of archive name one image; its configuration is what the engine would read in it, and nothing odd."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.errors import (
    ArchiveAltered,
    ArchiveUnreadable,
    ArchiveUnsupported,
    ImagePlatform,
    ImageSettingRefused,
    ImageTooLarge,
    MalformedSubmission,
    NothingToStart,
)
from arena.submission.caps import ImageCaps
from arena.submission.image import inspect_image, write_clean
from tests.archives import INDEX, LAYER, MANIFEST, Layout
from tests.bundles import FakeImage, add_member, layer


@pytest.mark.parametrize("prefix", ["", "./"])
@pytest.mark.parametrize("layout", [Layout(), Layout(compress=False), Layout(attested=True), Layout(attested=True, nested=True)])  # fmt: skip
def test_an_oci_layout_gives_the_same_clean_archive_as_a_saved_image(
    tmp_path: Path, layout: Layout, prefix: str
) -> None:
    saved, laid = layout.image.write(tmp_path / "saved.tar"), layout.write(tmp_path / "laid.tar", prefix=prefix)
    for number, path in enumerate((saved, laid)):
        facts = inspect_image(path)
        assert facts.image_id == layout.image.image_id
        write_clean(path, facts, tmp_path / f"clean{number}.tar")
    assert (tmp_path / "clean0.tar").read_bytes() == (tmp_path / "clean1.tar").read_bytes()


def test_an_archive_of_both_forms_is_read_by_the_first(tmp_path: Path) -> None:
    image = FakeImage()
    path = image.write(tmp_path / "both.tar")
    with tarfile.open(path, "a") as archive:
        add_member(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        add_member(archive, "index.json", b'{"manifests": []}')
    assert inspect_image(path).image_id == image.image_id


def test_of_several_platforms_the_one_that_runs_here_is_taken(tmp_path: Path) -> None:
    layout = Layout(copies=2)
    path = layout.write(tmp_path / "two.tar")
    with pytest.raises(ArchiveUnsupported, match="holds 2 images"):
        inspect_image(path)
    chosen = index_of(path)
    chosen["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64"}
    chosen["manifests"][1]["platform"] = {"os": "linux", "architecture": "amd64"}
    assert inspect_image(with_index(path, layout, chosen)).image_id == layout.image.image_id


def index_of(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as archive:
        found: dict[str, Any] = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
    return found


def with_index(path: Path, layout: Layout, index: dict[str, Any]) -> Path:
    """Write a layout again with another index."""
    with tarfile.open(path, "w") as archive:
        add_member(archive, "oci-layout", b"{}")
        add_member(archive, "index.json", json.dumps(index).encode())
        for name, content in layout.blobs.items():
            add_member(archive, name, content)
    return path


def deep(layout: Layout, depth: int) -> dict[str, Any]:
    index = {"manifests": [layout.describe(b"{}", MANIFEST)]}
    for _ in range(depth):
        index = {"manifests": [layout.describe(json.dumps(index).encode(), INDEX)]}
    return index


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"layer_changes": {"mediaType": LAYER + "+zstd"}}, ArchiveUnsupported, "zstd"),
        ({"layer_changes": {"mediaType": LAYER + "+encrypted"}}, ArchiveUnsupported, "encrypted"),
        ({"layer_changes": {"size": 5}}, ArchiveAltered, "another size"),
        ({"layer_changes": {"digest": "sha256:" + "0" * 64}}, ArchiveUnreadable, "does not hold"),
        ({"layer_changes": {"digest": "sha512:" + "0" * 128}}, ArchiveUnreadable, "no SHA-256"),
        ({"layer_changes": {"digest": "sha256:../../../etc/passwd"}}, ArchiveUnreadable, "no SHA-256"),
        ({"layer_changes": {"size": -1}}, ArchiveUnreadable, "layers.0.size"),
        ({"image": FakeImage(architecture="arm64")}, ImagePlatform, "linux/arm64"),
        ({"image": FakeImage(layers=[])}, ArchiveUnreadable, "0 layers"),
        ({"copies": 0}, ArchiveUnsupported, "holds 0 images"),
        ({"image": FakeImage(config_changes={"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}})}, ArchiveAltered, "digest"),
    ],
)  # fmt: skip
def test_a_layout_with_a_fault_is_refused_by_its_kind(
    tmp_path: Path, changes: dict[str, Any], error: type[MalformedSubmission], reason: str
) -> None:
    with pytest.raises(MalformedSubmission, match=reason) as caught:
        inspect_image(Layout(**changes).write(tmp_path / "image.tar"))
    assert type(caught.value) is error


def test_an_index_that_leads_to_itself_or_too_deep_ends(tmp_path: Path) -> None:
    layout = Layout()
    path = layout.write(tmp_path / "deep.tar")
    with pytest.raises(ArchiveUnsupported, match="no image's manifest"):
        inspect_image(with_index(path, layout, deep(layout, 9)))
    other = {"manifests": [layout.describe(b"{}", "application/wasm")]}
    with pytest.raises(ArchiveUnsupported, match="application/wasm"):
        inspect_image(with_index(path, layout, other))


def test_a_blob_whose_name_is_not_its_digest_is_refused(tmp_path: Path) -> None:
    layout = Layout()
    layout.write(tmp_path / "image.tar")
    for name, content in list(layout.blobs.items()):
        if content.startswith(b'{"arch'):
            layout.blobs[name] = content.replace(b"amd64", b"amd65")
    with pytest.raises(ArchiveAltered, match="its name says"):
        inspect_image(with_index(tmp_path / "image.tar", layout, index_of(tmp_path / "image.tar")))


@pytest.mark.parametrize(("magic", "name"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ", "xz"), (b"BZh9", "bzip2")])
def test_a_layer_compressed_otherwise_is_refused_with_what_to_do(tmp_path: Path, magic: bytes, name: str) -> None:
    with pytest.raises(ArchiveUnsupported, match=rf"layer 1 is compressed with {name}.*Build with gzip"):
        inspect_image(FakeImage(layers=[magic + bytes(600)]).write(tmp_path / "image.tar"))


def test_more_layers_than_an_engine_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageTooLarge, match="126 layers; 1 to 125"):
        inspect_image(FakeImage(layers=[layer("a", b"a")] * 126).write(tmp_path / "image.tar"))


def test_a_compressed_layer_is_held_to_a_ratio_and_a_plain_one_is_not(tmp_path: Path) -> None:
    zeros = layer("zeros", bytes(3 * 2**20))
    caps = ImageCaps(ratio=20, ratio_from_bytes=2**20)
    assert len(gzip.compress(zeros)) < len(zeros) / 20
    with pytest.raises(ImageTooLarge, match="20 times its size in the archive"):
        inspect_image(FakeImage(layers=[zeros], gzip_layers=True).write(tmp_path / "gzip.tar"), caps)
    inspect_image(FakeImage(layers=[zeros]).write(tmp_path / "plain.tar"), caps)


def test_many_small_compressed_layers_are_held_to_the_ratio_together(tmp_path: Path) -> None:
    layers = [layer(f"zeros-{number}", bytes(2**20)) for number in range(4)]
    caps = ImageCaps(ratio=20, ratio_from_bytes=3 * 2**20)
    with pytest.raises(ImageTooLarge, match=r"layer 3 .* all compressed layers unpack to more than 20 times theirs"):
        inspect_image(FakeImage(layers=layers, gzip_layers=True).write(tmp_path / "gzip.tar"), caps)
    inspect_image(FakeImage(layers=layers[:2], gzip_layers=True).write(tmp_path / "two.tar"), caps)
    inspect_image(FakeImage(layers=layers).write(tmp_path / "plain.tar"), caps)
    # One that stands there several times has its bytes in the archive once.
    with pytest.raises(ImageTooLarge, match="layer 3 "):
        inspect_image(FakeImage(layers=layers[:1] * 3, gzip_layers=True).write(tmp_path / "again.tar"), caps)


def runtime(**changes: Any) -> dict[str, Any]:
    return {"Cmd": ["/run"]} | changes


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (runtime(workingdir="/proc/self"), ImageSettingRefused, "written otherwise"),
        (runtime(ſtopsignal="9"), ImageSettingRefused, "written otherwise"),
        (runtime(Cmd=[""]), NothingToStart, "nothing to start"),
        (runtime(Cmd=["a\0b"]), ImageSettingRefused, "NUL"),
        (runtime(Cmd=["a" * 70_000]), ImageSettingRefused, "70000 bytes"),
        (runtime(Env=["NAME"]), ImageSettingRefused, "NAME=VALUE"),
        (runtime(Env=["=x"]), ImageSettingRefused, "NAME=VALUE"),
        (runtime(Env=["A=\0"]), ImageSettingRefused, "NUL"),
        (runtime(WorkingDir="app"), ImageSettingRefused, "WORKDIR"),
        (runtime(WorkingDir="/app/.."), ImageSettingRefused, "WORKDIR"),
        (runtime(WorkingDir="/dev/fd/3"), ImageSettingRefused, "WORKDIR"),
        (runtime(WorkingDir="/a\n"), ImageSettingRefused, "WORKDIR"),
        (runtime(Volumes={"data": {}}), ImageSettingRefused, "VOLUME"),
        (runtime(Volumes={"/": {}}), ImageSettingRefused, "VOLUME"),
        (runtime(Volumes={"/input/c0001": {}}), ImageSettingRefused, "VOLUME"),
        (runtime(Volumes={f"/v{number}": {} for number in range(33)}), ImageSettingRefused, "33, more than 32"),
        (runtime(User="root; id"), ImageSettingRefused, "USER"),
        (runtime(User="a" * 100), ImageSettingRefused, "USER"),
        (runtime(Tty="yes"), ArchiveUnreadable, "config.Tty"),
        (runtime(StopTimeout=2**70), ArchiveUnreadable, "StopTimeout"),
        (runtime(Healthcheck={"Test": "curl"}), ArchiveUnreadable, "Healthcheck.Test"),
        (runtime(OnBuild="RUN x"), ArchiveUnreadable, "OnBuild"),
    ],
)  # fmt: skip
def test_an_odd_setting_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], error: type[MalformedSubmission], reason: str
) -> None:
    with pytest.raises(MalformedSubmission, match=reason) as caught:
        inspect_image(FakeImage(runtime=changes).write(tmp_path / "image.tar"))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"created": "yesterday"}, "RFC 3339"),
        ({"history": [{"created": "2026-13-01T00:00:00Z"}]}, "RFC 3339"),
        ({"history": [{}, {}, {"empty_layer": True}]}, "history names 2 layers"),
        ({"history": [{"Empty_Layer": True}]}, "written otherwise"),
        ({"Architecture": "arm64"}, "written otherwise"),
        ({"history": "none"}, "history"),
        ({"size": "big"}, "written otherwise"),
        ({"os.features": "x"}, "os.features"),
    ],
)
def test_what_the_engine_could_not_load_is_refused_here(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedSubmission, match=reason):
        inspect_image(FakeImage(config_changes=changes).write(tmp_path / "image.tar"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 100_000,
        "1" * 5000,
        "\ufeff{}",
        '{"a": "\\ud800"}',
        "",
    ],
)
def test_json_of_which_two_readers_make_different_things_is_refused(tmp_path: Path, text: str) -> None:
    image = FakeImage()
    for number, content in enumerate((text.encode(), text.encode("utf-16"))):
        digest = hashlib.sha256(content).hexdigest()
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w") as archive:
            add_member(archive, f"{digest}.json", content)
            add_member(archive, "a.tar", image.layers[0])
            add_member(archive, "manifest.json", json.dumps([{"Config": f"{digest}.json", "Layers": ["a.tar"]}]).encode())  # fmt: skip
        with pytest.raises(ArchiveUnreadable):
            inspect_image(path)


@pytest.mark.parametrize("command", [["python3"], ["/bin/bash"], ["/usr/bin/node"]])
def test_a_command_that_only_starts_an_interpreter_is_warned_of(tmp_path: Path, command: list[str]) -> None:
    facts = inspect_image(FakeImage(runtime={"Cmd": command}).write(tmp_path / "image.tar"))
    assert "answers nothing" in facts.warnings[0]


def test_a_program_is_not_warned_of_and_what_is_passed_over_is(tmp_path: Path) -> None:
    plain = FakeImage(
        runtime={"Entrypoint": ["python3"], "Cmd": ["/app/main.py"], "User": "root", "WorkingDir": "/app/"}
    )
    assert inspect_image(plain.write(tmp_path / "plain.tar")).warnings == ()
    carrying = FakeImage(runtime=runtime(OnBuild=["RUN x"], Volumes={"/data": {}, "/tmp": {}}))  # noqa: S108
    said = inspect_image(carrying.write(tmp_path / "carrying.tar")).warnings
    assert [warning.split()[0] for warning in said] == ["ONBUILD", "Each"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_layout_is_the_same_image_or_refused_by_a_kind_of_ours(tmp_path: Path, data: st.DataObject) -> None:
    layout = Layout(attested=True, nested=data.draw(st.booleans()), compress=data.draw(st.booleans()))
    content = bytearray(layout.write(tmp_path / "image.tar").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.tar"
    path.write_bytes(content)
    try:
        facts = inspect_image(path)
    except MalformedSubmission:
        return
    assert facts.image_id == layout.image.image_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["architecture", "os", "config", "rootfs", "history", "created", "author", "os.features", "Size", "variant"]
INNER = ["Cmd", "Entrypoint", "Env", "Labels", "Volumes", "WorkingDir", "User", "Healthcheck", "ExposedPorts", "Tty"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=2), st.dictionaries(st.sampled_from(INNER), JSON, max_size=2))  # fmt: skip
def test_any_configuration_is_read_or_refused_and_nothing_else(
    tmp_path: Path, outer: dict[str, Any], inner: dict[str, Any]
) -> None:
    image = FakeImage(runtime=runtime() | inner, config_changes=outer)
    try:
        facts = inspect_image(image.write(tmp_path / "image.tar"))
    except MalformedSubmission:
        return
    assert facts.image_id == image.image_id
