"""Attacks 29 to 32: what an image declares: its folder, its owner's bits, its user, its environment, its volumes."""

# ruff: noqa: S108 - the paths are those inside a container

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import select

from arena.blobs import BlobStore
from arena.challenge.opening import open_challenge
from arena.errors import ImageSettingRefused
from arena.store.session import Store
from arena.store.tables import Submission
from arena.submission.intake import submit_algorithm
from runners.faults import ContainerCannotStart, EngineRefused
from runners.shims import reap_shims, shims_of
from tests.bundles import DURING, OPENS, FakeImage, add_case_sets, bundle_with
from tests.hostile.corpus import Witness, witness
from tests.hostile.stand import HONEST, Stand, image_of, stand
from tests.hostile.surroundings import anonymous_volumes

__all__ = ["stand", "witness"]
pytestmark = pytest.mark.engine

MIB = 1 << 20
PLAIN_PATH = "/usr/bin:/bin"
PRELOADED = "/open/preloaded.so"
"""A library of the image's own: a copy of one that its interpreter needs, so that it is mapped from there."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A contest that takes submissions, without a container engine."""

    store: Store
    images: BlobStore
    folder: Path

    def refuses(self, image: FakeImage) -> str:
        """Hand an image in, which must be refused for a setting, and nothing of it kept; return the reason."""
        path = image.write(self.folder / "image.tar")
        with pytest.raises(ImageSettingRefused) as caught:
            submit_algorithm(
                self.store, self.images, vendor="Mallory", algorithm="Net", challenge="chest", phase="public",
                archive=path, now=DURING,
            )  # fmt: skip
        with self.store.read() as session:
            assert session.exec(select(Submission)).first() is None
        assert self.images.stored() == []
        return str(caught.value)


@pytest.fixture
def intake(sqlite_store: Store, tmp_path: Path) -> Intake:
    open_challenge(sqlite_store, bundle_with(tmp_path / "chest"), OPENS)
    add_case_sets(sqlite_store, "public", "final")
    return Intake(sqlite_store, BlobStore(tmp_path / "images"), tmp_path)


def test_attack_29_a_working_folder_behind_a_descriptor(stand: Stand, intake: Intake, witness: Witness) -> None:
    for number in (7, 8, 9):
        folder = f"/proc/self/fd/{number}"
        assert "WORKDIR" in intake.refuses(FakeImage(runtime={"Cmd": ["/run"], "WorkingDir": folder}))
    image = image_of(stand.engine, "workdir", "WORKDIR /proc/self/fd/8")
    request, _ = stand.request(image=image)
    container = stand.engine.create(request)
    try:
        with pytest.raises((ContainerCannotStart, EngineRefused)):
            stand.engine.start(container)
    finally:
        stand.engine.remove(container)
        reap_shims(container)
    receipt = stand.receipt_of(stand.spec([HONEST], image))
    assert receipt["host_fault"] is None, "it is the image's own fault"
    assert "WORKDIR" in receipt["manifest"]["image_refused"]
    assert receipt["manifest"]["containers"] == []
    (case,) = map(json.loads, stand.bench.results.get(receipt["output"]["sha256"]).splitlines())
    assert (case["outcome"], case["detail"]) == ("not_reached", "cannot_start")
    assert stand.engine.containers_of(stand.bench.runner_id) == {}
    until = time.monotonic() + 20.0
    while shims_of(container) and time.monotonic() < until:
        time.sleep(0.1)
    assert shims_of(container) == []
    witness.without_guard(
        "the engine makes a container of it, which a patched runtime does not start; not tried on one with the hole, "
        "which would open the host's files to it"
    )
    witness.with_guard("refused by intake; where the engine has it all the same, nothing is started: not_reached")


def test_attack_30_a_setuid_program_of_root(stand: Stand, witness: Witness) -> None:
    image = image_of(stand.engine, "setuid", "RUN cp /usr/bin/id /open/id && chown 0:0 /open/id && chmod 4755 /open/id")
    with stand.loose(image=image, SecurityOpt=[]) as loose:
        saw = loose.ask("setuid", program="/open/id")
    assert saw["setuid"]
    if stand.gvisor:
        assert saw["euid"] in {0, saw["own"]}
    else:
        assert saw["euid"] == 0
    witness.without_guard("without no-new-privileges and under the engine's own filter it runs as root of the container" if saw["euid"] == 0
                          else "gVisor: the bit has no effect in this version")  # fmt: skip
    played = stand.play({"attack": "setuid", "program": "/open/id"}, HONEST, image=image)
    saw = played.cases[0].saw
    assert saw["setuid"]
    assert saw["euid"] == saw["own"] >= 300_000
    assert played.cases[1].saw == "well"
    witness.with_guard("it runs as the account of the run")


def with_library() -> set[int]:
    """Return the host's processes into which the image's library is mapped; a gVisor names none of its files so."""
    found = set()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and PRELOADED in (folder / "maps").read_text(encoding="utf-8", errors="replace"):
                found.add(int(folder.name))
    return found


def test_attack_31_what_an_image_says_of_its_runs(stand: Stand, witness: Witness) -> None:
    image = image_of(
        stand.engine,
        "settings",
        f"RUN cp /usr/lib/*/libm.so.6 {PRELOADED}",
        "USER root",
        "HEALTHCHECK --interval=1s CMD touch /tmp/checked",
        "STOPSIGNAL SIGUSR1",
        f"ENV HTTP_PROXY=http://192.0.2.1:1 https_proxy=x NO_PROXY=x HOME=/root LD_PRELOAD={PRELOADED} PATH={PLAIN_PATH}",
    )
    unset = {"User": None, "Env": None, "Healthcheck": None, "StopSignal": None}
    with stand.loose(image=image, **unset) as loose:
        saw = loose.ask("whoami")
        about = stand.engine.inspect(loose.box.container)
        assert loose.sight.health
    assert saw["uid"] == 0
    assert {"HTTP_PROXY", "https_proxy", "NO_PROXY", "LD_PRELOAD"} <= saw["environment"].keys()
    assert PRELOADED in saw["libraries"]
    assert about["Config"]["StopSignal"] == "SIGUSR1"
    witness.without_guard("root in the container, its own checks, stop signal, proxies and preloaded library")
    played = stand.play({"attack": "whoami"}, HONEST, image=image)
    saw = played.cases[0].saw
    assert saw["uid"] == saw["gid"] >= 300_000
    assert set(saw["groups"]) <= {saw["gid"]}
    assert not {name for name in saw["environment"] if name.lower().endswith("_proxy")}
    assert (saw["environment"]["HOME"], saw["environment"].get("LD_PRELOAD")) == ("/tmp", PRELOADED)
    with stand.loose(image=image) as same:  # the sandbox as it is, which stays for a look from outside
        assert PRELOADED in same.ask("whoami")["libraries"]
        same.sight.look()
        mapped = with_library()
        assert mapped <= same.sight.processes, "a process of the host has loaded the image's library"
        assert stand.gvisor or mapped
    assert not any(sight.health for sight in played.watch.sights.values())
    assert played.cases[1].saw == "well"
    witness.with_guard(
        "a fresh account, no check, SIGKILL, no proxies; LD_PRELOAD stays and loads the image's file into the "
        "container's processes, and into none of the host's"
    )


def test_attack_32_a_writable_volume(stand: Stand, witness: Witness) -> None:
    image = image_of(stand.engine, "volume", "RUN mkdir -m 777 /data", "VOLUME /data")
    before = anonymous_volumes()
    with stand.loose(image=image, Tmpfs=lambda tmpfs: {"/tmp": tmpfs["/tmp"]}) as loose:
        assert loose.ask("fill", folder="/data", mib=16) == {"mib": 16, "why": None}
        (mount,) = [
            each for each in stand.engine.inspect(loose.box.container)["Mounts"] if each["Destination"] == "/data"
        ]
        kept = Path(mount["Source"])
        assert sum(path.stat().st_size for path in kept.iterdir()) == 16 * MIB
    with suppress(FileNotFoundError):
        assert not list(kept.iterdir())
    assert anonymous_volumes() == before
    witness.without_guard("the file system is read-only, and yet 16 MiB lie on the host's disk")
    played = stand.play({"attack": "fill", "folder": "/data", "mib": 16}, HONEST, image=image)
    assert played.cases[0].saw == {"mib": 0, "why": "EROFS"}
    assert played.cases[1].saw == "well"
    assert played.watch.most(lambda sight: sight.layer_bytes) == 0
    assert anonymous_volumes() == before
    witness.with_guard("covered by an empty read-only file system: EROFS; no volume is made")
