"""The self-test: it passes what holds, finds what drops limits, and without it no work is taken."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arena.blobs import BlobStore
from arena.cli.main import app
from arena.errors import RunnerRefused
from arena.settings import Settings
from arena.wiring import open_host, require_runner
from runners import selftest
from runners.engine import Engine
from runners.execute import Host, reap
from runners.faults import EngineRefused, SandboxRefused
from runners.images.holder import build_holder
from runners.kernel import Window
from runners.local import LocalRunner
from runners.output import holder_request
from runners.overdue import SELF_TEST
from runners.policy import ATTEMPT_LABEL, OWNER_LABEL, RUNNER_LABEL
from runners.selftest import Gate, try_runtime
from runners.space import OutputSpace
from runners.values import Isolation
from tests.acceptance.own_engine import OwnEngine
from tests.hostile.surroundings import BASE_IMAGE

pytestmark = pytest.mark.engine

KILLED = """
import sys
from pathlib import Path
from runners.engine import Engine
from runners.execute import Host
from runners.selftest import try_runtime
from runners.values import Isolation
try_runtime(Host(Engine(base_url=sys.argv[1]), Path(sys.argv[2]), "test-killed"), Isolation.STANDARD, sys.argv[3], (0,))
"""
SOON_SECONDS = 120.0
"""No timing: far more than a self-test takes, far less than for ever."""
TRIED = ["kernel", "cpu", "network", "disk", "privileges", "output", "fork bomb", "memory bomb"]


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine with a gVisor that leaves control groups alone, by a name and a program that do not tell."""
    runsc = shutil.which("runsc")
    assert runsc, "runsc is missing; scripts/ensure_gvisor.sh installs it"
    folder = tmp_path_factory.mktemp("lax")
    program = folder / "runsc-quiet"
    program.write_text(f'#!/bin/sh\nexec {runsc} --network=none --ignore-cgroups "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    own = OwnEngine("--add-runtime", f"runsc-quiet={program}")
    try:
        own.start()
        own.take_image(BASE_IMAGE)
        yield own
    finally:
        own.stop()


@pytest.fixture
def lax_engine(lax: OwnEngine) -> Iterator[Engine]:
    with closing(lax.engine()) as engine:
        yield engine


def base_id() -> str:
    facts = Engine().image(BASE_IMAGE)
    assert facts is not None
    return facts.image_id


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_a_runtime_that_holds_its_containers_passes(tmp_path: Path, runtime: str) -> None:
    host = Host(Engine(), tmp_path / "runs", "test-selftest", runtime=runtime)
    verdict = try_runtime(host, Isolation.STANDARD, BASE_IMAGE, (0,))
    assert [finding.name for finding in verdict.findings] == TRIED
    assert verdict.holds, verdict.reason()
    assert not host.engine.containers_of("test-selftest-canary")
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_kernel_gives_away_a_runtime_that_drops_limits(tmp_path: Path, lax_engine: Engine) -> None:
    host = Host(lax_engine, tmp_path / "runs", "test-selftest", runtime="runsc-quiet")
    verdict = try_runtime(host, Isolation.STANDARD, base_id(), (0,))
    assert not verdict.holds
    assert "cgroup" in verdict.reason()


def test_canaries_give_it_away_where_the_kernel_cannot_be_seen(
    tmp_path: Path, lax_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "_BEYOND_CHILDREN", -1000)  # the memory canary is enough, and sooner done
    host = Host(lax_engine, tmp_path / "runs", "test-selftest", runtime="runsc-quiet")
    verdict = try_runtime(host, Isolation.STANDARD, base_id(), (0,), window=Window(tmp_path, tmp_path))
    found = {finding.name: finding for finding in verdict.findings}
    assert not found["memory bomb"].held
    assert found["memory bomb"].saw == "256 MiB were used"


def test_what_a_runner_leaves_that_is_killed_in_its_self_test_the_next_that_starts_removes_at_once(
    tmp_path: Path, lax: OwnEngine, lax_engine: Engine
) -> None:
    runs, owner = tmp_path / "runs", "test-killed-canary"
    with subprocess.Popen([sys.executable, "-c", KILLED, lax.address, str(runs), base_id()]) as worker:
        try:
            until = time.monotonic() + SOON_SECONDS
            while len(lax_engine.containers_of(owner)) < 2:  # the canary that has an /output, and its holder
                assert worker.poll() is None, "it was not stopped in time"
                assert time.monotonic() < until
                time.sleep(0.01)
            worker.send_signal(signal.SIGSTOP)  # so that what it has made is what it has
            for successor in (Host(lax_engine, tmp_path / "other", "test-other"), Host(lax_engine, runs, owner)):
                reap(successor)
                assert len(lax_engine.containers_of(owner)) == 2, "a self-test whose process lives is left alone"
                assert len(lax_engine.volumes_of(owner)) == 1
                assert list(runs.rglob("canary-*")), "its folder as well"
        finally:
            worker.kill()
    assert worker.returncode == -signal.SIGKILL
    other = LocalRunner(
        Host(lax_engine, tmp_path / "other", "test-other"),
        studies=BlobStore(tmp_path), images=BlobStore(tmp_path), results=BlobStore(tmp_path),
    )  # fmt: skip
    assert other.reap() == [], "no attempt of its own"
    assert (lax_engine.containers_of(owner), lax_engine.volumes_of(owner)) == ({}, {})
    assert list(runs.rglob("canary-*")), "its folder is on its own disk, where its successor finds it"
    assert try_runtime(Host(lax_engine, runs, "test-killed"), Isolation.STANDARD, base_id(), (0,)).holds
    assert list(runs.iterdir()) == []


def test_what_is_left_of_a_self_test_whose_process_cannot_be_seen_is_removed_once_it_is_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {RUNNER_LABEL: "test-elsewhere", ATTEMPT_LABEL: SELF_TEST, OWNER_LABEL: f"{'0' * 32}-1-1"}
    other = Host(Engine(), tmp_path, "test-other")
    other.engine.create_volume("arena-test-elsewhere", OutputSpace(1).options(1), elsewhere)
    try:
        made = other.engine.create_plain(holder_request(build_holder(other.engine), "arena-test-elsewhere", elsewhere))
        reap(other)
        assert list(other.engine.containers_of("test-elsewhere")) == [made]
        assert list(other.engine.volumes_of("test-elsewhere")) == ["arena-test-elsewhere"]
        monkeypatch.setattr("runners.overdue.LONGEST_SECONDS", -1.0)  # a volume's age is told in whole seconds
        reap(other)
        assert (other.engine.containers_of("test-elsewhere"), other.engine.volumes_of("test-elsewhere")) == ({}, {})
    finally:
        for container in other.engine.containers_of("test-elsewhere"):
            other.engine.remove(container)
        other.engine.remove_volume("arena-test-elsewhere")


def test_a_runtime_that_is_registered_without_limits_is_refused_by_its_arguments(tmp_path: Path) -> None:
    class Telling(Engine):
        def describe(self) -> dict[str, object]:
            known = super().describe()
            lax = {"path": "/usr/bin/runsc", "arguments": ["--ignore-cgroups"]}
            return {**known, "Runtimes": {**known["Runtimes"], "lax": lax}}

    with pytest.raises(EngineRefused, match="ignore-cgroups"):
        try_runtime(Host(Telling(), tmp_path, "test-selftest", runtime="lax"), Isolation.STANDARD, BASE_IMAGE, (0,))


def test_what_held_is_remembered_for_a_day_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    real = try_runtime

    def counted(host: Host, *given: object) -> selftest.Verdict:
        tries.append(host.runtime)
        return real(host, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(selftest, "try_runtime", counted)
    now = [1_000_000.0]
    host = Host(Engine(), tmp_path / "runs", "test-selftest")

    def check() -> int:
        Gate(host, BASE_IMAGE, (0,), tmp_path / "kept.json", lambda: now[0]).check(Isolation.STANDARD)
        return len(tries)

    assert [check(), check()] == [1, 1]
    now[0] += 86_401
    assert check() == 2
    host = replace(host, cgroup_parent="/another")
    assert check() == 3, "another policy is another sandbox"
    (tmp_path / "kept.json").write_text("not JSON")
    assert check() == 4


def test_without_a_base_image_no_work_is_taken_and_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_HOME", str(tmp_path))
    monkeypatch.setenv("ARENA_BASE_IMAGE", "arena-no-such-image:1")
    with pytest.raises(RunnerRefused, match="arena-no-such-image:1"):
        require_runner(Settings())


def test_an_unfit_runtime_leaves_the_runner_without_slots(tmp_path: Path) -> None:
    def refuse(_isolation: Isolation) -> None:
        raise SandboxRefused("the memory bomb was not stopped")

    state = open_host(Settings(home=tmp_path))
    runner = LocalRunner(
        Host(Engine(), tmp_path / "runs", "test-selftest", admit=refuse),
        studies=state.studies, images=state.images, results=state.results,
    )  # fmt: skip
    assert runner.slots() == []
    runner.close()


def test_the_command_exits_with_6_where_something_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_HOME", str(tmp_path))
    monkeypatch.setenv("ARENA_BASE_IMAGE", os.environ.get("ARENA_BASE_IMAGE", BASE_IMAGE))
    opened = CliRunner().invoke(app, ["runner", "check", "--runtime", "no-such-runtime", "--json"])
    assert opened.exit_code == 6
    assert [line["held"] for line in json.loads(opened.stdout)] == [False]
    held = CliRunner().invoke(app, ["runner", "check", "--runtime", "runc", "--json"])
    assert held.exit_code == 0, held.stdout
    assert [line["name"] for line in json.loads(held.stdout)] == TRIED
