"""What a self-test left whose runner was killed in it, and may never come back: any runner on the engine removes it.

A runner finds its own leftovers by its id. One that was killed and has lost its home has no successor of that id: its
canaries, their holders and volumes would stay with the engine for good.

They are told by their attempt's label, which the request for each container sets: no image can carry it into a vendor's
container, as a label of the request goes before the image's.
"""

from __future__ import annotations

from runners.engine import Engine

SELF_TEST = "self-test"
"""The attempt that canaries, holders and volumes of a self-test are labelled with; no attempt is called so."""
LONGEST_SECONDS = 3600.0
"""By when nothing of a self-test is left: a canary is asked four times at most and has a minute for each answer, as has
every call to the engine. It counts by the engine's clock, from when a container or volume was made."""


def reap_overdue(engine: Engine) -> None:
    """Remove what is left of any runner's self-test that cannot be running any more.

    Raises:
        RunnerFault: The engine does not answer, or something cannot be removed.
    """
    now = engine.now()
    for container, made in engine.containers_made_for(SELF_TEST).items():
        if now - made > LONGEST_SECONDS:
            engine.kill(container)
            engine.remove(container)
    for volume, made in engine.volumes_made_for(SELF_TEST).items():
        if now - made > LONGEST_SECONDS:
            engine.remove_volume(volume)
