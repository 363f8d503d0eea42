"""What an image has where the sandbox mounts something is judged over all its layers, by path and kind."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from arena.errors import ImageMountRefused, MalformedSubmission
from arena.submission.caps import ImageCaps
from arena.submission.image import inspect_image
from arena.submission.layers import LayerCheck
from arena.submission.mountpoints import MountPoints
from tests.archives import entry, layer_of
from tests.bundles import FakeImage

DIR, SYM, HARD, FIFO, CHAR = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE
DEBIAN = (entry("sbin", SYM, "usr/sbin"), entry("usr/sbin/", DIR), entry("usr/bin/", DIR), entry("bin", SYM, "usr/bin"))


def judge(*layers: bytes, volumes: tuple[str, ...] = ()) -> None:
    checked = LayerCheck(ImageCaps(), MountPoints(volumes))
    for number, content in enumerate(layers, start=1):
        checked.check(number, iter([content]), checked.caps.layer_bytes)
    checked.points.refuse()


@pytest.mark.parametrize(
    ("layers", "volumes", "path", "kind"),
    [
        ((layer_of(("tmp", b"x")),), (), "/tmp", "a file"),  # noqa: S108
        ((layer_of(("input", b"x")),), (), "/input", "a file"),
        ((layer_of(("output", b"x")),), (), "/output", "a file"),
        ((layer_of(("proc", b"x")),), (), "/proc", "a file"),
        ((layer_of(entry("sys", FIFO)),), (), "/sys", "a file"),
        ((layer_of(("dev", b"x")),), (), "/dev", "a file"),
        ((layer_of(("dev/shm", b"x")),), (), "/dev/shm", "a file"),  # noqa: S108
        ((layer_of(("a", b"x"), entry("tmp", HARD, "a")),), (), "/tmp", "a file"),  # noqa: S108
        ((layer_of(entry("input", SYM, "opt")),), (), "/input", "a symbolic link"),
        ((layer_of(entry("tmp", SYM, "/var/tmp")),), (), "/tmp", "a symbolic link"),  # noqa: S108
        ((layer_of(entry("etc/hosts/", DIR)),), (), "/etc/hosts", "a folder"),
        ((layer_of(("etc/hostname/x", b"x")),), (), "/etc/hostname", "a folder"),
        ((layer_of(entry("etc/resolv.conf/", DIR)),), (), "/etc/resolv.conf", "a folder"),
        ((layer_of(entry("sbin/docker-init/", DIR)),), (), "/sbin/docker-init", "a folder"),
        ((layer_of(*DEBIAN, entry("usr/sbin/docker-init/", DIR)),), (), "/sbin/docker-init", "a folder"),
        ((layer_of(entry("sbin/docker-init", SYM, "../etc"), entry("etc/", DIR)),), (), "/sbin/docker-init", "a folder"),
        ((layer_of(entry("sbin", SYM, "/input")),), (), "/sbin/docker-init", "what leads into /input"),
        ((layer_of(entry("sbin", SYM, "sbin")),), (), "/sbin/docker-init", "a symbolic link that leads nowhere"),
        ((layer_of(("sbin", b"x")),), (), "/sbin/docker-init", "below a file"),
        ((layer_of(entry("dev/init/", DIR)),), (), "/dev/init", "a folder"),
        ((layer_of(("run", b"x")),), (), "/run/podman-init", "below a file"),
        ((layer_of(("data", b"x")),), ("/data",), "/data", "a file"),
        ((layer_of(("srv/a", b"x")),), ("/srv/a/b/",), "/srv/a", "a file"),
        ((layer_of(entry("v", SYM, "input")),), ("/v",), "/v", "a symbolic link"),
        ((layer_of(entry("dev/null", CHAR, devmajor=1, devminor=3)),), ("/dev/null",), "/dev/null", "a device"),
        ((layer_of(entry("tmp/", DIR)), layer_of(("tmp", b"x"))), (), "/tmp", "a file"),  # noqa: S108
        ((layer_of(entry(".wh.tmp"), ("tmp", b"x")),), (), "/tmp", "a file"),  # noqa: S108
        ((layer_of(("etc/hosts", b"x")), layer_of(("etc/hosts/x", b"x"))), (), "/etc/hosts", "a folder"),
    ],
)  # fmt: skip
def test_an_image_on_which_no_engine_can_mount_is_refused_by_path_and_kind(
    layers: tuple[bytes, ...], volumes: tuple[str, ...], path: str, kind: str
) -> None:
    with pytest.raises(ImageMountRefused) as caught:
        judge(*layers, volumes=volumes)
    assert (caught.value.facts["path"], caught.value.facts["kind"]) == (path, kind)
    assert isinstance(caught.value, MalformedSubmission)


@pytest.mark.parametrize(
    ("layers", "volumes"),
    [
        ((layer_of(*DEBIAN, entry("tmp/", DIR), entry("proc/", DIR), entry("dev/shm/", DIR), ("etc/hosts", b"x")),), ()),
        ((layer_of(*DEBIAN, ("usr/sbin/docker-init", b"x")),), ()),
        ((layer_of(entry("etc/resolv.conf", SYM, "../run/systemd/resolve/stub-resolv.conf")),), ()),
        ((layer_of(entry("sbin", SYM, "opt/somewhere")),), ()),
        ((layer_of(entry("run", SYM, "var/run"), entry("var/run/", DIR)),), ()),
        ((layer_of(("tmp", b"x")), layer_of(entry(".wh.tmp"))), ()),
        ((layer_of(("tmp", b"x")), layer_of(entry("tmp/", DIR))), ()),
        ((layer_of(("tmp", b"x")), layer_of(entry(".wh..wh..opq"))), ()),
        ((layer_of(("etc/hosts/x", b"x")), layer_of(entry(".wh.etc"))), ()),
        ((layer_of(("etc/hosts/x", b"x")), layer_of(entry("etc/.wh..wh..opq"))), ()),
        ((layer_of(("etc/hosts/x", b"x")), layer_of(("etc/hosts", b"x"))), ()),
        ((layer_of(("etc/hosts/x", b"x")), layer_of(("etc", b"x")), layer_of(entry(".wh.etc"))), ()),
        ((layer_of(entry("data/", DIR), ("data/x", b"x")),), ("/data", "/none/such/")),
        ((layer_of(("database", b"x")),), ("/data",)),
    ],
)  # fmt: skip
def test_what_images_usually_have_there_passes(layers: tuple[bytes, ...], volumes: tuple[str, ...]) -> None:
    judge(*layers, volumes=volumes)


def test_intake_says_what_lies_there_and_what_to_do(tmp_path: Path) -> None:
    image = FakeImage(layers=[layer_of(("tmp", b"x"))])
    with pytest.raises(ImageMountRefused, match=r"tmp cannot be accepted: it is a file, .* make it a folder there"):
        inspect_image(image.write(tmp_path / "image.tar"))
