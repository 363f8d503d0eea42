"""Attacks 55 to 62: image archives, tried on the engine as they come, and then through intake.

Where an engine holds by itself, the attack is first shown against a reader without care, so that the test cannot pass
because its archive is harmless.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound
from sqlmodel import select

from arena.blobs import BlobStore
from arena.challenge.opening import open_challenge
from arena.errors import (
    ArchiveAltered,
    ArchiveUnreadable,
    ArchiveUnsupported,
    ImageFileRefused,
    ImagePlatform,
    ImageSettingRefused,
    ImageTooLarge,
    MalformedSubmission,
    NothingToStart,
)
from arena.store.session import Store
from arena.store.tables import Evaluation, Submission, Vendor
from arena.submission.caps import ImageCaps
from arena.submission.intake import Accepted, submit_algorithm
from runners.engine import Engine
from runners.values import BlobRef
from tests.archives import Layout, entry, layer_of
from tests.bundles import DURING, OPENS, FakeImage, add_case_sets, add_member, bundle_with
from tests.hostile.corpus import Witness, witness
from tests.images import BASE_IMAGE

__all__ = ["witness"]
pytestmark = pytest.mark.engine

CAPABILITY = "\x01\0\0\x02\0\x20" + 14 * "\0"
"""cap_net_raw, permitted and effective, as the kernel stores it: revision 2."""
VICTIM = "arena-test-image-victim:1"


@dataclass
class Gate:
    """A contest that takes submissions, and a real engine; what was loaded is removed at the end."""

    store: Store
    folder: Path
    images: BlobStore
    client: docker.DockerClient
    witness: Witness
    engine: Engine = field(default_factory=Engine)
    loaded: set[str] = field(default_factory=set)

    def submit(self, path: Path, *, caps: ImageCaps | None = None, vendor: str = "Mallory") -> Accepted:
        self.witness.tried_on("intake")
        return submit_algorithm(
            self.store, self.images, vendor=vendor, algorithm="Net", challenge="chest", phase="public", archive=path,
            now=DURING, caps=caps,
        )  # fmt: skip

    def refuses(self, path: Path, kind: type[MalformedSubmission], *, caps: ImageCaps | None = None) -> str:
        """Make sure that intake refuses with this very class, and that nothing of it is stored."""
        with pytest.raises(MalformedSubmission) as caught:
            self.submit(path, caps=caps)
        assert type(caught.value) is kind, repr(caught.value)
        assert caught.value.facts["next_step"]
        with self.store.read() as session:
            for table in (Vendor, Submission, Evaluation):
                assert session.exec(select(table)).first() is None
        assert self.images.stored() == []
        return str(caught.value)

    def load_raw(self, path: Path, *image_ids: str) -> str | None:
        """Give the engine an archive as it came; return what it says against it."""
        self.witness.tried_on("the engine")
        self.loaded |= set(image_ids)
        try:
            with path.open("rb") as stream:
                for line in self.client.api.load_image(stream, quiet=True):
                    if "error" in line:
                        return str(line["error"])
        except APIError as error:
            return str(error.explanation)
        return None

    def load_accepted(self, accepted: Accepted) -> str:
        """Give the engine what intake has stored; return the id that the engine then has."""
        submission = accepted.submission
        assert self.load_raw(self.stored(accepted), submission.image_id) is None
        return str(self.client.images.get(submission.image_id).id)

    def stored(self, accepted: Accepted) -> Path:
        submission = accepted.submission
        return self.images.local_path(BlobRef(submission.image_sha256, submission.image_size_bytes))

    def has(self, image_id: str) -> bool:
        try:
            self.client.images.get(image_id)
        except ImageNotFound:
            return False
        return True

    def remove_loaded(self) -> None:
        for image_id in self.loaded:
            with suppress(ImageNotFound):
                self.client.api.remove_image(image_id, force=True)

    def members(self, image_id: str) -> list[tarfile.TarInfo]:
        """What the engine has unpacked of an image, seen through a container that never runs."""
        made = self.client.api.create_container(image_id, command=["/never"])
        try:
            stream = io.BytesIO(b"".join(self.client.api.export(made["Id"])))
            with tarfile.open(fileobj=stream) as archive:
                return archive.getmembers()
        finally:
            self.client.api.remove_container(made["Id"], force=True, v=True)


@pytest.fixture
def gate(sqlite_store: Store, tmp_path: Path, witness: Witness) -> Iterator[Gate]:
    open_challenge(sqlite_store, bundle_with(tmp_path / "chest"), OPENS)
    add_case_sets(sqlite_store, "public", "final")
    with closing(docker.from_env()) as client:
        found = Gate(sqlite_store, tmp_path, BlobStore(tmp_path / "images"), client, witness)
        base = client.images.get(BASE_IMAGE).id
        try:
            yield found
        finally:
            found.remove_loaded()
            left = [image_id for image_id in found.loaded if found.has(image_id)]
            found.engine.close()
            assert left == []
            assert client.images.get(BASE_IMAGE).id == base, "an archive of these tests has taken another image's name"


def written_through(folder: Path, content: bytes) -> None:
    """Unpack as a reader without care does."""
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive, suppress(OSError):
        archive.extractall(folder, filter="fully_trusted")  # noqa: S202 - the careless reader that is meant


def test_attack_55_paths_that_leave_the_archive(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    secret = tmp_path / "secret"
    secret.write_text("labels", encoding="utf-8")
    target = tmp_path / "written"
    outside = [
        layer_of(("../written", b"x")),
        layer_of((str(target), b"x")),
        layer_of(entry("way", tarfile.SYMTYPE, str(tmp_path)), ("way/written", b"x")),
        layer_of(entry("way", tarfile.SYMTYPE, ".."), ("way/written", b"x")),
    ]
    for number, content in enumerate(outside):
        written_through(tmp_path / f"naive{number}", content)
        assert target.is_file(), "the attack is real"
        target.unlink()
    linked = layer_of(entry("stolen", tarfile.LNKTYPE, "../secret"))
    written_through(tmp_path / "naive-link", linked)
    assert (tmp_path / "naive-link" / "stolen").read_text(encoding="utf-8") == "labels"
    witness.without_guard("tarfile without a filter writes a host file, and reads one through a hard link")
    images = [FakeImage(layers=[content]) for content in (*outside, linked)]
    images.append(FakeImage(layers=[layer_of(entry("way", tarfile.SYMTYPE, str(tmp_path))), layer_of(("way/written", b"x"))]))  # fmt: skip
    for number, image in enumerate(images):
        path = image.write(tmp_path / f"{number}.tar")
        gate.load_raw(path, image.image_id)
        assert not target.exists()
        said = gate.refuses(path, ImageFileRefused)
        assert "Layer" in said
    assert secret.stat().st_nlink == 2, "one link is the naive reader's, none the engine's"
    named = FakeImage(manifest=[{"Config": "../secret", "RepoTags": None, "Layers": ["layer0/layer.tar"]}])
    path = named.write(tmp_path / "named.tar")
    assert (tmp_path / "naive0" / "../secret").read_bytes() == b"labels"
    assert gate.load_raw(path, named.image_id) is not None
    gate.refuses(path, ArchiveUnreadable)
    assert not target.exists()
    witness.with_guard("refused by name of layer and member; the engine by itself wrote nothing outside either")


def test_attack_56_a_layer_that_expands(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    size = 160 * 2**20
    bomb = FakeImage(layers=[layer_of(("zeros", bytes(size)))], gzip_layers=True)
    path = bomb.write(tmp_path / "bomb.tar")
    assert path.stat().st_size < 2**20
    assert gate.load_raw(path, bomb.image_id) is None
    stored = gate.client.images.get(bomb.image_id).attrs["Size"]
    assert stored >= size
    gate.remove_loaded()
    witness.without_guard("less than 1 MiB fills 160 MiB of the engine's store")
    said = gate.refuses(path, ImageTooLarge)
    assert "100 times its size" in said
    honest = FakeImage(layers=[layer_of(("weights", os.urandom(2**20)))], gzip_layers=True)
    assert gate.has(gate.load_accepted(gate.submit(honest.write(tmp_path / "honest.tar"))))
    assert not gate.has(bomb.image_id)
    witness.with_guard("refused while it is read, at 100 times its size; the engine never sees it")


def test_attack_57_inodes_by_the_hundred_thousand(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    small = FakeImage(layers=[layer_of(*(entry(f"f{number}") for number in range(5_000)))])
    path = small.write(tmp_path / "small.tar")
    assert gate.load_raw(path, small.image_id) is None
    assert sum(member.name.startswith("f") for member in gate.members(small.image_id)) == 5_000
    gate.remove_loaded()
    witness.without_guard("the engine unpacks all of 5,000 empty files into its store")
    gate.refuses(path, ImageTooLarge, caps=ImageCaps(files=4_000))
    header = entry("empty").tobuf(tarfile.USTAR_FORMAT)
    many = FakeImage(layers=[header * 300_001 + bytes(1024)])
    said = gate.refuses(many.write(tmp_path / "many.tar"), ImageTooLarge)
    assert "more than 300000 files" in said
    assert not gate.has(many.image_id)
    witness.with_guard("refused at 300,000 members by default; the engine never sees it")


def test_attack_58_more_layers_than_an_engine_takes(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    def image(count: int) -> FakeImage:
        return FakeImage(layers=[layer_of((f"f{number}", b"x")) for number in range(count)])

    deep = image(130)
    path = deep.write(tmp_path / "deep.tar")
    said = gate.load_raw(path, deep.image_id)
    assert said is not None
    assert "depth" in said
    witness.without_guard("the engine takes the archive of 130 layers, and refuses it by the depth of its own store")
    assert "130 layers; 1 to 125" in gate.refuses(path, ImageTooLarge)
    most = image(125)
    assert gate.has(gate.load_accepted(gate.submit(most.write(tmp_path / "most.tar")))), "the cap is the engine's own"
    witness.with_guard("refused by its table of contents; 125 layers, the most that are accepted, load")


def test_attack_59_a_tag_that_names_another_vendors_image(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    victim = FakeImage(layers=[layer_of(("whose", b"victim"))])
    intruder = FakeImage(layers=[layer_of(("whose", b"intruder"))])
    for image in (victim, intruder):
        digests = [f"layer{number}/layer.tar" for number in range(len(image.layers))]
        image.manifest = [{"Config": f"{image.image_id[7:]}.json", "RepoTags": [VICTIM], "Layers": digests}]
    assert gate.load_raw(victim.write(tmp_path / "victim.tar"), victim.image_id) is None
    path = intruder.write(tmp_path / "intruder.tar")
    assert gate.load_raw(path, intruder.image_id) is None
    assert gate.client.images.get(VICTIM).id == intruder.image_id, "the tag has moved, in silence"
    witness.without_guard("the tag of another image moves to the intruder's, in silence")
    gate.client.api.remove_image(intruder.image_id, force=True)
    assert gate.load_raw(tmp_path / "victim.tar", victim.image_id) is None
    archive = gate.stored(gate.submit(path))
    assert gate.engine.ensure_image(intruder.image_id, archive).image_id == intruder.image_id
    assert gate.client.images.get(VICTIM).id == victim.image_id
    kept = [tag.rpartition("/")[2] for tag in gate.client.images.get(intruder.image_id).tags]
    assert kept == [f"arena-submission:{intruder.image_id[7:47]}"]
    (stored,) = gate.images.stored()
    with tarfile.open(Path(gate.images.root) / stored.name) as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] is None  # type: ignore[arg-type]
    witness.with_guard("accepted without its tags; the victim's tag stays where it was")


def test_attack_60_bloated_settings_and_devices(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    bloated = FakeImage(
        runtime={"Cmd": ["/run"], "Env": [f"A{number}={'x' * 2**20}" for number in range(3)], "Labels": {"a": "x" * 2**20}}
    )  # fmt: skip
    disk = layer_of(entry("dev/", tarfile.DIRTYPE), entry("dev/vda", tarfile.BLKTYPE, devmajor=254, devminor=0))
    device = FakeImage(layers=[disk])
    paths = [bloated.write(tmp_path / "bloated.tar"), device.write(tmp_path / "device.tar")]
    assert gate.load_raw(paths[0], bloated.image_id) is None
    assert len(json.dumps(gate.client.images.get(bloated.image_id).attrs["Config"])) > 4 * 2**20
    assert gate.load_raw(paths[1], device.image_id) is None
    assert [member.name for member in gate.members(device.image_id) if member.isblk()] == ["dev/vda"]
    gate.remove_loaded()
    witness.without_guard("4 MiB of settings load, and so does the block device of a disk")
    gate.refuses(paths[0], ImageSettingRefused, caps=ImageCaps(json_bytes=2**24))
    labels = FakeImage(runtime={"Cmd": ["/run"], "Labels": {"a": "x" * 2**19}})
    assert "labels have" in gate.refuses(labels.write(tmp_path / "labels.tar"), ImageSettingRefused)
    gate.refuses(FakeImage(runtime={"Cmd": ["/run"], "Labels": {"a": "x" * 5 * 2**20}}).write(tmp_path / "l"), ImageTooLarge)  # fmt: skip
    assert "is a device (254, 0)" in gate.refuses(paths[1], ImageFileRefused)
    renamed = layer_of(entry("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=1))  # /dev/mem under another name
    gate.refuses(FakeImage(layers=[renamed]).write(tmp_path / "renamed.tar"), ImageFileRefused)
    usual = layer_of(entry("dev/", tarfile.DIRTYPE), entry("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3))
    gate.submit(FakeImage(layers=[usual]).write(tmp_path / "usual.tar"))
    witness.with_guard("refused by setting and by member; only /dev/null and its seven like are let through")


def _foreign() -> FakeImage:
    return FakeImage(architecture="arm64")


def _nothing_to_start() -> FakeImage:
    return FakeImage(runtime={})


def _wrong_diff_id() -> FakeImage:
    return FakeImage(config_changes={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}})


def test_attack_61_images_that_cannot_be(gate: Gate, tmp_path: Path, witness: Witness) -> None:
    loads = {}
    cases: list[tuple[Callable[[], FakeImage], type[MalformedSubmission]]] = [
        (_foreign, ImagePlatform),
        (_nothing_to_start, NothingToStart),
        (_wrong_diff_id, ArchiveAltered),
    ]
    for make, kind in cases:
        image = make()
        path = image.write(tmp_path / f"{make.__name__}.tar")
        loads[make.__name__] = gate.load_raw(path, image.image_id) is None
        gate.remove_loaded()
        gate.refuses(path, kind)
    assert loads == {"_foreign": True, "_nothing_to_start": True, "_wrong_diff_id": False}
    witness.without_guard("the engine loads an image of a foreign architecture, and one without a command")
    no_manifest = tmp_path / "no-manifest.tar"
    with tarfile.open(no_manifest, "w") as archive:
        add_member(archive, "a", b"b")
    gate.refuses(no_manifest, ArchiveUnsupported)
    for number, content in enumerate((os.urandom(20_000), b"", bytes(10_240), b"\x1f\x8b" + os.urandom(100))):
        path = tmp_path / f"random{number}"
        path.write_bytes(content)
        assert gate.load_raw(path) is not None or content.strip(b"\0") == b""
        gate.refuses(path, ArchiveUnsupported if content[:2] in {b"\0\0", b"\x1f\x8b"} else ArchiveUnreadable)
    witness.with_guard("each refused before the engine, by a class of error that says what to mend")


@pytest.fixture
def registry() -> Iterator[tuple[str, list[str]]]:
    """A server that would give out a layer, and notes who asks."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/layer", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_attack_62_what_an_image_may_carry(
    gate: Gate, tmp_path: Path, registry: tuple[str, list[str]], witness: Witness
) -> None:
    address, asked = registry
    overlay = entry("steered", tarfile.DIRTYPE, pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc"})
    broken = entry("ping", pax_headers={"SCHILY.xattr.security.capability": "\x01"})
    unloadable = FakeImage(layers=[layer_of(broken)])
    said = gate.load_raw(unloadable.write(tmp_path / "unloadable.tar"), unloadable.image_id)
    assert "invalid argument" in str(said), "accepted, it would be the host's fault for ever"
    carrying = FakeImage(
        layers=[layer_of(entry("su", mode=0o4755), entry("ping", pax_headers={"SCHILY.xattr.security.capability": CAPABILITY}))],
        runtime={"Cmd": ["/run"], "OnBuild": ["RUN touch /built"], "User": "root"},
    )  # fmt: skip
    accepted = gate.submit(carrying.write(tmp_path / "carrying.tar"))
    image_id = gate.load_accepted(accepted)
    setuid = [member.name for member in gate.members(image_id) if member.mode & 0o4000]
    assert setuid == ["su"]
    assert [member.name for member in gate.members(image_id) if "built" in member.name] == []
    assert any("ONBUILD" in warning for warning in accepted.warnings)
    witness.without_guard("setuid files and ONBUILD load; without no-new-privileges the former count (attack 30)")
    for number, member in enumerate((overlay, broken)):
        path = FakeImage(layers=[layer_of(member)]).write(tmp_path / f"attribute{number}.tar")
        with pytest.raises(ImageFileRefused, match="extended attributes"):
            gate.submit(path)
    content = layer_of(("f", b"x"))
    layout = Layout(FakeImage(layers=[content]), layer_changes={"urls": [address]})
    stored = f"blobs/sha256/{hashlib.sha256(gzip.compress(content, mtime=0)).hexdigest()}"
    missing = Layout(layout.image, layer_changes={"urls": [address]}, dropped=[stored]).write(tmp_path / "missing.tar")
    with pytest.raises(ArchiveUnreadable, match="does not hold"):
        gate.submit(missing)
    fetched = FakeImage(layers=[content])
    fetched.manifest = [
        {
            "Config": f"{fetched.image_id[7:]}.json",
            "RepoTags": None,
            "Layers": ["layer0/layer.tar"],
            "LayerSources": {f"sha256:{hashlib.sha256(content).hexdigest()}": {"urls": [address]}},
        }
    ]
    gate.load_accepted(gate.submit(fetched.write(tmp_path / "sources.tar")))
    assert asked == []
    witness.with_guard("nothing is fetched, overlay attributes are refused, ONBUILD never runs, setuid is taken down")


def test_a_configuration_that_two_readers_read_differently_is_refused(gate: Gate, tmp_path: Path) -> None:
    image = FakeImage(runtime={"Cmd": ["/run"], "WorkingDir": "/app", "workingdir": "/proc/self/fd/8"})
    path = image.write(tmp_path / "image.tar")
    assert gate.load_raw(path, image.image_id) is None
    assert gate.client.images.get(image.image_id).attrs["Config"]["WorkingDir"] == "/proc/self/fd/8"
    gate.remove_loaded()
    assert "written otherwise" in gate.refuses(path, ImageSettingRefused)


def test_an_oci_layout_is_accepted_and_runs_as_what_it_is(gate: Gate, tmp_path: Path) -> None:
    for number, layout in enumerate((Layout(attested=True, nested=True), Layout(compress=False))):
        layout.image.layers = [layer_of((f"hello{number}", b"x"))]
        accepted = gate.submit(layout.write(tmp_path / f"{number}.tar"))
        assert accepted.submission.image_id == layout.image.image_id
        assert gate.load_accepted(accepted) == layout.image.image_id
