"""A container of the sandbox with a program of the test's own in place of an image's: ask it, and it tries."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from runners.attach import Line
from runners.container import Box, Launcher
from runners.execute import Host
from runners.policy import Placement, SandboxPolicy
from runners.values import Limits
from tests.hostile.surroundings import BASE_IMAGE

LIMITS = Limits(memory_mib=256, pids=64, tmp_mib=8, shm_mib=8, total_seconds=120.0)
_LINE_BYTES = 1 << 16
_SECONDS = 60.0


@contextmanager
def trying(host: Host, folder: Path, source: str, *, policy: SandboxPolicy, image: str = BASE_IMAGE) -> Iterator[Box]:
    """Start Python with that source, which has to say one line first; nothing of the container stays."""
    facts = host.engine.image(image)
    assert facts is not None, image
    folder.mkdir(exist_ok=True)
    launcher = Launcher(
        host.engine,
        replace(policy, podman=host.engine.is_podman()),
        facts.image_id,
        lambda: Placement.fresh(cpus=(0,), input_source=str(folder), runner_id=host.runner_id, attempt_id="trying"),
        program=("python3", "-E", "-c", source),
    )
    box = launcher.launch()
    try:
        assert isinstance(box.conversation.next_event(_SECONDS), Line), box.end(1.0)
        yield box
    finally:
        box.close()


def ask(box: Box, request: Any) -> Any:
    """Send one line of JSON and return the line that comes back."""
    assert box.conversation.open_line(_LINE_BYTES) is not None
    assert box.conversation.send(json.dumps(request).encode() + b"\n", _SECONDS)
    event = box.conversation.next_event(_SECONDS)
    assert isinstance(event, Line), (event, box.end(1.0))
    return json.loads(event.content)
