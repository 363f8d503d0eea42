"""Every behaviour that a runner promises, shown on Podman: by the command that ships, on a service of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker
import pytest

from runners import loading
from runners.behaviours import BEHAVIOURS
from runners.conformance import Behaviour
from runners.engine import Engine
from runners.images.build import build_from_files
from runners.keptlog import HEAD_BYTES, TAIL_BYTES
from runners.shelf import Shelf
from tests.bundles import FakeImage
from tests.hostile.machine import Snapshot, left_over
from tests.hostile.own_podman import OwnPodman
from tests.hostile.surroundings import BASE_IMAGE, Bench
from tests.hostile.test_selftest import TRIED
from tests.images import DOCKERFILE, HASHING, STARTER_KIT, store_archive
from tests.integration.test_runner_local import LIMITS, run, spec_for
from tests.integration.test_runner_log import FLOODING, SPEAKING, logs

pytestmark = pytest.mark.engine

CHECK_SECONDS = 400
CHECKED = DOCKERFILE + b"HEALTHCHECK --interval=1s --retries=2 CMD touch /tmp/checked\n"


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPodman]:
    """A Podman with the base image, in whose store nothing may be left, and of which nothing may be left."""
    own = OwnPodman()
    try:
        own.start()
        own.take_image(BASE_IMAGE)
        before = Snapshot.take(own.address)
        yield own
        left = left_over(before, tmp_path_factory.getbasetemp(), own.address)
    finally:
        own.stop()
    assert left == []


@pytest.fixture
def bench(podman: OwnPodman, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, podman.engine(), "test-podman")
    yield made
    left = made.left_behind()
    made.engine.close()
    assert left == []


@dataclass(frozen=True, slots=True)
class Check:
    """What came of `arena runner check`: its exit code, and its lines by what was tried."""

    exit_code: int
    lines: Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def check(podman: OwnPodman, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Let the command run canaries and all behaviours, in all slots at once."""
    home = {"ARENA_HOME": str(tmp_path_factory.mktemp("podman")), "ARENA_BASE_IMAGE": BASE_IMAGE}
    done = subprocess.run(
        [sys.executable, "-m", "arena.cli.main", "runner", "check", "--full", "--json"],
        env={**os.environ, **home, "DOCKER_HOST": podman.address},
        capture_output=True, text=True, check=False, timeout=CHECK_SECONDS,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return Check(done.returncode, {line["name"]: line for line in json.loads(done.stdout)})


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.probe)
def test_the_local_runner_keeps_the_promise(behaviour: Behaviour, check: Check) -> None:
    line = check.lines[behaviour.probe]
    assert line["held"], f"{behaviour.claim} {line['saw']}"


def test_the_canaries_are_held_and_the_command_exits_with_0(check: Check) -> None:
    assert [name for name, line in check.lines.items() if not line["held"]] == []
    assert set(check.lines) == {*TRIED, *(each.probe for each in BEHAVIOURS)}
    assert check.lines["kernel"]["saw"] == "as asked"
    assert check.exit_code == 0


def algorithm(engine: Engine, name: str, main: bytes, dockerfile: bytes = DOCKERFILE) -> str:
    files = {"Dockerfile": dockerfile, "main.py": main, "arena_algorithm.py": STARTER_KIT.read_bytes()}
    return build_from_files(engine, files, f"arena-test-podman:{name}", BASE_IMAGE)


def test_a_submitted_archive_is_loaded_once_under_our_name_and_its_health_check_never_runs(
    bench: Bench, podman: OwnPodman, tmp_path: Path
) -> None:
    with closing(Engine()) as usual:
        image = algorithm(usual, "checked", HASHING, CHECKED)
    assert bench.engine.image(image) is None
    spec = replace(spec_for(bench, image), image=store_archive(image, bench.images, tmp_path))
    with closing(Shelf(base_url=podman.address)) as shelf, closing(docker.APIClient(base_url=podman.address)) as client:
        try:
            receipt = run(bench, spec)
            assert receipt["host_fault"] is None
            lines = bench.results.get(receipt["output"]["sha256"]).splitlines()
            assert [json.loads(line)["outcome"] for line in lines] == ["ok", "ok"]
            # What Podman says of images as Docker would leaves the check out.
            facts = bench.engine._podmans("GET", f"/images/{image}/json")
            assert facts["Healthcheck"]["Interval"] == 10**9
            (kept,) = [each for each in shelf.kept() if each.image_id == image]
            assert client.inspect_image(image)["RepoTags"] == [kept.name]
            assert kept.name.endswith(f"/arena-submission:{image.removeprefix('sha256:')[:40]}")
        finally:
            for each in shelf.kept():
                if each.image_id == image:
                    assert shelf.take_down(each)
    assert bench.engine.image(image) is None


def test_an_image_that_podman_refuses_to_load_is_the_vendors_after_three_tries(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PAUSE_SECONDS", 0.01)
    lies = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}  # which intake would have refused
    made = FakeImage(config_changes=lies, tags=None)
    archive = bench.images.put_file(made.write(bench.root / "image.tar"))
    before = set(bench.engine._images())
    receipt = run(bench, replace(spec_for(bench, made.image_id), image=archive))
    assert receipt["host_fault"] is None
    assert receipt["manifest"]["image_refused"]
    lines = [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]
    assert [(case["outcome"], case["detail"]) for case in lines] == [("not_reached", "cannot_start")] * 2
    assert set(bench.engine._images()) == before, "nothing of the tries stays, nor of what they were compared with"


def test_a_log_is_kept_where_it_is_asked_for(bench: Bench) -> None:
    image = algorithm(bench.engine, "speaking", SPEAKING)
    spec = replace(spec_for(bench, image, limits=replace(LIMITS, output_mib=1)), mode="batch", keep_log=True)
    ((head, left_out, tail),) = logs(bench, run(bench, spec))
    assert sorted(head.splitlines()) == [b"on stderr", b"on stdout"]
    assert (left_out, tail) == (0, b"")


def test_a_flood_on_stderr_delays_nothing_and_is_kept_in_part(bench: Bench) -> None:
    image = algorithm(bench.engine, "flooding", FLOODING)
    receipt = run(bench, replace(spec_for(bench, image, cases=3), keep_log=True))
    seen = [json.loads(line) for line in bench.results.get(receipt["output"]["sha256"]).splitlines()]
    assert [line["outcome"] for line in seen] == ["ok"] * 3
    ((head, left_out, tail),) = logs(bench, receipt)
    assert head.startswith(b"first words\n")
    assert (len(head), len(tail)) == (HEAD_BYTES, TAIL_BYTES)
    assert left_out > 0
