"""Arena's own image, built without network, and the composition of it: an evaluation through the composed worker."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from arena.wiring import utc_now
from runners.engine import Engine
from tests.bundles import CHALLENGE, write_bundle
from tests.images import build_algorithm
from tests.radiographs import encode, radiograph

ROOT = Path(__file__).parents[2]
IMAGE, POSTGRES, ALGORITHM = "arena:test", "arena-postgres:1", "arena-test-composed:1"
SOCKET = Path("/var/run/docker.sock")
CASES = 40
READY_SECONDS = 240
SECCOMP_FILTER = 2  # seccomp(2): SECCOMP_MODE_FILTER

ANSWERING = b"""
import sys
sys.path.insert(0, "/opt/algorithm")
from arena_algorithm import serve

def predict(folder):
    return {"nodule": len(list(folder.rglob("*.dcm"))) / 4}

serve(predict)
"""

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


def run(*command: str | Path, **environment: str) -> str:
    """Run a command and return what it printed; its words are the failure's message."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=dict(os.environ) | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def image() -> str:
    """Build Arena's image once for this file."""
    run("scripts/build_image.sh", IMAGE)
    return IMAGE


def inside(image: str, *command: str) -> str:
    """Run a program in the image as the composition does: no network, nothing writable but /tmp."""
    sandbox = ["--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108  the container's own
    return run("docker", "run", *sandbox, "--entrypoint", command[0], image, *command[1:])


def test_the_image_has_every_command_and_is_not_root(image: str) -> None:
    listed = inside(image, "arena", "--help")
    assert all(name in listed for name in ("init", "challenge", "cases", "submit", "evaluate", "worker", "serve"))
    assert inside(image, "id", "-u").strip() == "10001"


def test_the_image_can_load_all_of_arena(image: str) -> None:
    modules = "arena.server, arena.worker, arena.wiring, arena.evaluation.child, psycopg, pyarrow.parquet"
    assert inside(image, "python", "-c", f"import {modules}; print('loaded')").strip() == "loaded"


@dataclass(frozen=True)
class Composition:
    """A running composition."""

    project: str
    environment: dict[str, str]
    address: str

    def compose(self, *arguments: str | Path) -> str:
        """Run compose on it."""
        return run("scripts/compose.sh", "--project-name", self.project, *arguments, **self.environment)

    def arena(self, source: Path, *arguments: str) -> str:
        """Run an `arena` command with the worker's rights and the organiser's folder."""
        return self.compose("run", "--rm", "-T", "--no-deps", "-v", f"{source}:{source}:ro", "worker", *arguments)

    def ask(self, path: str) -> Any:
        """Read from the server's API; None while it has no answer."""
        try:
            answer = httpx.get(f"{self.address}{path}", timeout=10)
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None

    def wait_for(self, question: Callable[[], Any], what: str) -> Any:
        """Ask until there is an answer; what the services said is the failure's message."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            answer = question()
            if answer:
                return answer
            time.sleep(1)
        pytest.fail(f"{what} within {READY_SECONDS} s\n{self.compose('logs', '--no-color', '--tail', '40')}")

    def sandboxes(self) -> list[Any]:
        """Read from the database what held the containers of the only evaluation."""
        asked = 'PGPASSWORD="$POSTGRES_PASSWORD" psql -U arena -tAc "select sandboxes from evaluation" arena'
        return list(json.loads(self.compose("exec", "-T", "database", "sh", "-c", asked)))

    def container(self, service: str) -> Any:
        """Tell how the engine runs a service."""
        found = self.compose("ps", "-q", service).split()[0]
        return json.loads(run("docker", "inspect", found))[0]


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def composition(image: str, tmp_path: Path) -> Iterator[Composition]:
    """Start server, worker and PostgreSQL; remove all of it afterwards."""
    run("scripts/build_postgres_image.sh", POSTGRES)
    home = tmp_path / "home"
    home.mkdir()
    user = 10001 if os.getuid() == 0 else os.getuid()
    if os.getuid() == 0:
        shutil.chown(home, user, user)
        # The service's account must pass through the folders above, which pytest makes for its own account alone.
        for folder in list(home.parents)[:3]:
            folder.chmod(0o755)
    port = free_port()
    environment = {
        "ARENA_HOME": str(home),
        "ARENA_IMAGE": image,
        "ARENA_POSTGRES_IMAGE": POSTGRES,
        "ARENA_POSTGRES_PASSWORD": secrets.token_hex(16),
        "ARENA_DOCKER_GID": str(SOCKET.stat().st_gid),
        "ARENA_UID": str(user),
        "ARENA_GID": str(user),
        "ARENA_PUBLISH": f"127.0.0.1:{port}",
    }
    composed = Composition(f"arenatest{secrets.token_hex(4)}", environment, f"http://127.0.0.1:{port}")
    try:
        composed.compose("up", "-d")
        yield composed
    finally:
        composed.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")


def write_studies(folder: Path) -> None:
    """Write studies and their labels: those with a nodule have two images, the others one."""
    folder.mkdir()
    rows = [["study", "patient", "nodule"]]
    for number in range(CASES):
        label = number % 2
        study = folder / f"study{number}"
        study.mkdir()
        for image in range(1 + label):
            seed = 100 * number + image
            one = radiograph(seed, StudyInstanceUID=f"1.2.826.0.1.3680043.8.498.{number + 1}", InstanceNumber=image + 1)
            (study / f"{image}.dcm").write_bytes(encode(one))
        rows.append([study.name, f"patient{number}", str(label)])
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def write_challenge(folder: Path) -> Path:
    """Write a challenge whose first phase is open now."""
    now = utc_now()
    text = CHALLENGE.replace("2026-03-01T09:00:00Z", (now - timedelta(days=1)).isoformat())
    text = text.replace("2026-03-20T09:00:00Z", (now + timedelta(days=9)).isoformat())
    return write_bundle(folder, "min_per_class: 2\n" + text)


def test_the_composed_worker_evaluates_a_submission(composition: Composition, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir(mode=0o755)
    write_studies(source / "studies")
    challenge = write_challenge(source / "challenge")
    Engine().export(build_algorithm(ALGORITHM, ANSWERING), source / "image.tar")
    (source / "image.tar").chmod(0o644)
    studies, labels = str(source / "studies"), str(source / "studies" / "labels.csv")

    composition.arena(source, "challenge", "open", str(challenge))
    composition.arena(source, "cases", "import", "chest", "public", studies, "--labels", labels)
    product = ["--vendor", "Acme", "--algorithm", "Counter", "--archive", str(source / "image.tar")]
    composition.arena(source, "submit", "chest", "--phase", "public", *product)

    def published() -> Any:
        answer = composition.ask("/api/v1/challenges/chest/phases/public/leaderboard")
        return answer and answer["leaderboard"] and answer["leaderboard"]["entries"]

    (entry,) = composition.wait_for(published, "The composed worker published no leaderboard")
    assert entry["vendor_name"] == "Acme"
    assert entry["macro_auc"]["value"] == 1.0
    assert entry["macro_auc"]["n"] == CASES

    server, worker = composition.container("server"), composition.container("worker")
    home = composition.environment["ARENA_HOME"]
    assert [(mount["Destination"], mount["RW"]) for mount in server["Mounts"]] == [("/public", False)]
    assert not [name for name in server["Config"]["Env"] if "VAULT" in name or "DOCKER" in name or home in name]
    assert {mount["Destination"] for mount in worker["Mounts"]} == {home, "/var/run/docker.sock", "/sys/fs/cgroup"}
    (sandbox,) = composition.sandboxes()
    asked, held = sandbox["requested"], sandbox["kernel_holds"]
    assert held["seen"] is True, held
    assert (held["memory_bytes"], held["pids"]) == (asked["memory_bytes"], asked["pids"])
    assert held["seccomp_mode"] == SECCOMP_FILTER
    for service in (server, worker):
        assert service["Config"]["User"].split(":")[0] != "0"
        assert service["HostConfig"]["ReadonlyRootfs"]
        assert service["HostConfig"]["CapDrop"] == ["ALL"]
    left = [path for runner in (Path(home) / "runs").iterdir() for path in runner.iterdir()]
    assert left == []
