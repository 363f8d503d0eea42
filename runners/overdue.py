"""What a self-test left whose runner was killed in it, and may never come back: any runner on the engine removes it.

A runner finds its own leftovers by its id. One that was killed and has lost its home has no successor of that id: its
canaries, their holders and volumes would stay with the engine for good.

They are told by their attempt's label, which the request for each container sets: no image can carry it into a vendor's
container, as a label of the request goes before the image's. A second label names the process that made them. Where
that process can be seen to be dead they go at once; where it lives they stay, whatever their age; where it cannot be
seen, as on another host or in another container, only their age tells.
"""

from __future__ import annotations

from collections.abc import Mapping

from runners.engine import Engine
from runners.owner import Fate, Processes
from runners.policy import ATTEMPT_LABEL, OWNER_LABEL

SELF_TEST = "self-test"
"""The attempt that canaries, holders and volumes of a self-test are labelled with; no attempt is called so."""
LONGEST_SECONDS = 3600.0
"""By when nothing of a self-test is left: a canary is asked four times at most and has a minute for each answer, as has
every call to the engine. It counts by the engine's clock, from when a container or volume was made."""
_FOLDER = "canary-"


def reap_overdue(engine: Engine, processes: Processes | None = None) -> None:
    """Remove what is left of any runner's self-test that cannot be running any more.

    Raises:
        RunnerFault: The engine does not answer, or something cannot be removed.
    """
    seen = processes or Processes()
    now = engine.now()
    for container, made in engine.containers_made_for(SELF_TEST).items():
        if is_left(made.labels, now - made.at, seen):
            engine.kill(container)
            engine.remove(container)
    for volume, made in engine.volumes_made_for(SELF_TEST).items():
        if is_left(made.labels, now - made.at, seen):
            engine.remove_volume(volume)


def is_left(labels: Mapping[str, str], age_seconds: float, processes: Processes) -> bool:
    """Say whether nobody needs any more what a self-test made, as its labels and its age tell.

    What this process made and has not removed, as an engine may have been away, goes by its age as well.
    """
    owner = labels.get(OWNER_LABEL, "")
    fate = processes.fate(owner)
    if fate is Fate.DEAD:
        return True
    if fate is Fate.LIVES and owner != processes.me():
        return False
    return age_seconds > LONGEST_SECONDS


def is_anothers(labels: Mapping[str, str], processes: Processes) -> bool:
    """Say whether something belongs to a self-test that another living process is at, with the same runner's id."""
    return labels.get(ATTEMPT_LABEL) == SELF_TEST and _lives_elsewhere(labels.get(OWNER_LABEL, ""), processes)


def folder_prefix(owner: str) -> str:
    """Return how the name of a self-test's folder begins."""
    return f"{_FOLDER}{owner}."


def is_anothers_folder(name: str, processes: Processes) -> bool:
    """Say the same of a folder, by its name."""
    return name.startswith(_FOLDER) and _lives_elsewhere(name.removeprefix(_FOLDER).partition(".")[0], processes)


def _lives_elsewhere(owner: str, processes: Processes) -> bool:
    return processes.fate(owner) is Fate.LIVES and owner != processes.me()
