"""An engine whose client stops reading stops answering: that nobody can make the host such a client."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runners.container import Launcher
from runners.engine import Engine
from runners.faults import EngineUnavailable
from runners.policy import Placement, SandboxPolicy
from tests.hostile.corpus import Witness, witness
from tests.hostile.surroundings import BASE_IMAGE, Bench
from tests.hostile.trying import LIMITS

__all__ = ["witness"]
pytestmark = pytest.mark.engine

FLOOD = "import os\nwhile True:\n    os.write(1, b'x' * 65536)\n"
IMPATIENT_SECONDS = 3
SOON_SECONDS = 20.0


@pytest.fixture(params=["runc", "runsc"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, Engine(), "test-attach", request.param)
    yield bench
    for container in bench.engine.containers_of("test-attach"):
        bench.engine.remove(container)
    assert bench.left_behind() == []
    bench.engine.close()


def launcher(bench: Bench, source: str) -> Launcher:
    facts = bench.engine.image(BASE_IMAGE)
    assert facts is not None
    folder = bench.root / "input"
    folder.mkdir(exist_ok=True)
    policy = SandboxPolicy(replace(LIMITS, cpus=0.5), runtime=bench.runtime, gvisor=bench.runtime == "runsc")
    return Launcher(
        bench.engine,
        policy,
        facts.image_id,
        lambda: Placement.fresh(cpus=(0,), input_source=str(folder), runner_id="test-attach", attempt_id="a"),
        program=("python3", "-E", "-S", "-c", source),
    )


def hangs(call: Callable[[Engine], object]) -> bool:
    """Whether the engine does not answer a call in time."""
    impatient = Engine(timeout_seconds=IMPATIENT_SECONDS)
    try:
        call(impatient)
    except EngineUnavailable:
        return True
    finally:
        impatient.close()
    return False


def test_attack_17_a_client_that_does_not_read_must_be_gone_before_the_kill(bench: Bench, witness: Witness) -> None:
    """The guard removed: nobody drains. Whatever the engine makes of it, closing first lets the kill through."""
    made = launcher(bench, FLOOD)
    container = bench.engine.create({**made.policy.request(made.image_id, made.place()), "Entrypoint": [*made.program]})
    unread: socket.socket = bench.engine.attach(container)
    bench.engine.start(container)
    time.sleep(2.0)
    stalled = hangs(lambda engine: engine.kill(container)) and hangs(lambda engine: engine.end_of(container))
    unread.shutdown(socket.SHUT_RDWR)
    unread.close()
    began = time.monotonic()
    bench.engine.kill(container)
    bench.engine.wait(container)
    bench.engine.remove(container)
    assert time.monotonic() - began < SOON_SECONDS
    # So old an engine is known to stall (moby issue 41827); a newer one may.
    assert stalled or not str(bench.engine.describe()["ServerVersion"]).startswith("20.10."), "the attack is none here"
    witness.without_guard("Docker 20.10 answers neither kill nor inspection while a client leaves its stream unread")


def test_attack_17_a_flood_is_drained_and_its_container_ends_when_it_is_told_to(bench: Bench) -> None:
    box = launcher(bench, FLOOD).launch()
    time.sleep(2.0)
    assert not hangs(lambda engine: engine.end_of(box.container))
    began = time.monotonic()
    box.close()
    assert time.monotonic() - began < SOON_SECONDS
    assert bench.engine.containers_of("test-attach") == {}
    assert not [thread for thread in threading.enumerate() if thread.name in {"arena-attach", "arena-wait"}]
