"""Whose fault it is when an engine refuses a submitted image: the image is charged only if nothing else can be it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from runners import loading
from runners.archived import is_kept_name, kept_name, refuse_names
from runners.engine import ImageFacts
from runners.faults import ContainerCannotStart, EngineRefused, EngineUnavailable, ImageUnavailable, RunnerFault
from runners.loading import load_submitted, write_control
from tests.bundles import FakeImage, add_member

IMAGE = "sha256:" + "a" * 64
UNPACK = "failed to register layer: Error processing tar file(exit status 1): "
REFUSED = EngineRefused("load an image", None, UNPACK + "archive/tar: invalid tar header")
FULL = EngineRefused("load an image", None, UNPACK + "write /zeros: no space left on device")


class ScriptedEngine:
    """Answers the submitted image by a script, and other images by another; `images` are those that stand there."""

    def __init__(self, submitted: Sequence[RunnerFault | None], others: Sequence[RunnerFault | None] = ()) -> None:
        self.submitted, self.others = list(submitted), list(others)
        self.tried: list[str] = []
        self.images: set[str] = set()

    def ensure_image(self, image_id: str, archive: Path | None) -> ImageFacts:
        assert archive is not None
        assert archive.is_file() or image_id == IMAGE
        self.tried.append("submitted" if image_id == IMAGE else "control")
        script = self.submitted if image_id == IMAGE else self.others
        if script and (fault := script.pop(0)) is not None:
            raise fault
        self.images.add(kept_name(image_id))
        return ImageFacts(image_id, ())

    def remove_image(self, image: str) -> None:
        self.images.discard(image)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PAUSE_SECONDS", 0)


def load(engine: ScriptedEngine) -> ImageFacts:
    return load_submitted(engine, IMAGE, Path("/archive"))


def test_an_image_is_charged_when_it_is_refused_every_time_and_the_engine_loads_another() -> None:
    engine = ScriptedEngine([REFUSED] * 9)
    with pytest.raises(ContainerCannotStart, match="invalid tar header"):
        load(engine)
    assert engine.tried == ["submitted", "control"] * 3
    assert engine.images == set(), "nothing stays of the controls"


def test_an_image_that_loads_at_the_third_time_is_loaded() -> None:
    engine = ScriptedEngine([REFUSED, REFUSED, None])
    assert load(engine).image_id == IMAGE
    assert engine.images == {kept_name(IMAGE)}


def test_an_engine_that_loads_nothing_is_the_hosts_fault() -> None:
    engine = ScriptedEngine([REFUSED] * 9, [None, None, REFUSED])
    with pytest.raises(EngineRefused):
        load(engine)
    assert engine.tried == ["submitted", "control"] * 3


@pytest.mark.parametrize(
    "fault",
    [
        FULL,
        EngineRefused("load an image", 500, "write /var/lib/docker/tmp/x: disk quota exceeded"),
        EngineRefused("load an image", None, UNPACK + "fork/exec /proc/self/exe: cannot allocate memory"),
        EngineRefused("load an image", None, "failed to register layer: Error processing tar file(signal: killed): "),
        EngineRefused("load an image", 403, "authorization denied by plugin"),
        EngineRefused("load an image", 503, "the daemon is going down"),
        EngineUnavailable("The container engine does not load an image: Connection aborted"),
        ImageUnavailable("The archive does not contain the image"),
    ],
    ids=["disk full", "quota", "memory", "killed", "forbidden", "unavailable", "away", "another image"],
)
def test_what_tells_of_the_host_is_never_charged(fault: RunnerFault) -> None:
    engine = ScriptedEngine([REFUSED, fault] + [REFUSED] * 9)
    with pytest.raises(type(fault)) as caught:
        load(engine)
    assert caught.value is fault
    assert engine.tried == ["submitted", "control", "submitted"]


def test_a_vendor_cannot_lay_it_on_the_host_by_the_names_of_its_files() -> None:
    for said in ("link /no space left on device /b: file exists", 'invalid hardlink "/a" -> "no space left on device"'):
        engine = ScriptedEngine([EngineRefused("load an image", None, UNPACK + said)] * 9)
        with pytest.raises(ContainerCannotStart):
            load(engine)
    path = "/processing tar file(signal: killed)"
    engine = ScriptedEngine([EngineRefused("load an image", 500, f"{UNPACK}mkdir {path}: file exists")] * 9)
    with pytest.raises(ContainerCannotStart):
        load(engine)


def test_the_control_is_an_image_that_is_new_every_time(tmp_path: Path) -> None:
    first, second = write_control(tmp_path / "1"), write_control(tmp_path / "2")
    assert first != second
    refuse_names(tmp_path / "1")
    with tarfile.open(tmp_path / "1") as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["Config"] == f"{first[7:]}.json"  # type: ignore[arg-type]


def test_an_archive_that_names_images_is_refused_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    FakeImage(tags=None).write(path)
    refuse_names(path)
    FakeImage(tags=["victim:1"]).write(path)
    with pytest.raises(ImageUnavailable, match="victim:1"):
        refuse_names(path)
    described = {
        "repositories": {"victim": {"2": "0" * 64}},
        "index.json": {"manifests": [{"annotations": {"io.containerd.image.name": "victim:2"}}]},
    }
    for name, content in described.items():
        FakeImage(tags=None).write(path)
        with tarfile.open(path, "a") as archive:
            add_member(archive, name, json.dumps(content).encode())
        with pytest.raises(ImageUnavailable, match="victim:2"):
            refuse_names(path)


def test_a_name_is_ours_only_if_it_is_the_images_own() -> None:
    assert is_kept_name(kept_name(IMAGE), IMAGE)
    assert is_kept_name("localhost/" + kept_name(IMAGE), IMAGE)
    other = "sha256:" + "b" * 64
    for name in (
        "arena-submission:1",
        kept_name(other),
        "my-" + kept_name(IMAGE),
        "arena-base:1",
        kept_name(IMAGE) + "0",
    ):
        assert not is_kept_name(name, IMAGE)


def test_no_test_image_bears_a_name_that_somebody_needs(tmp_path: Path) -> None:
    path = FakeImage().write(tmp_path / "image.tar")
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert all(tag.startswith("arena-test-") for image in manifest for tag in image["RepoTags"])
