"""The part of an engine that has to do with volumes, and with reading files out of a container."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from runners.asking import asking
from runners.connection import Connection
from runners.faults import EngineRefused, EngineUnavailable
from runners.policy import ATTEMPT_LABEL, RUNNER_LABEL

_CHUNK = 1 << 20
_IN_USE_TRIES = 50
_IN_USE_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Made:
    """When a container or volume was made, as the engine's clock counts (`Connection.now`), and its labels."""

    at: float
    labels: Mapping[str, str]


class Volumes(Connection):
    """What `Engine` does with volumes, and with files in a container that does not run any program of a vendor."""

    def create_volume(self, name: str, options: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
        """Create a volume of the driver `local` and return what the engine says of it."""
        with asking("create a volume"):
            self._api.create_volume(name, driver="local", driver_opts=dict(options), labels=dict(labels))
            return dict(self._api.inspect_volume(name))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; one that is gone is well, one whose container is just going is waited for.

        Raises:
            EngineRefused: Something else uses it.
        """
        for left in reversed(range(_IN_USE_TRIES)):
            try:
                with asking("remove a volume"):
                    self._api.remove_volume(name)
            except EngineRefused as refused:
                if refused.status == HTTPStatus.NOT_FOUND:
                    return
                if refused.status != HTTPStatus.CONFLICT or not left:
                    raise
                time.sleep(_IN_USE_PAUSE_SECONDS)
            else:
                return

    def create_plain(self, request: Mapping[str, Any]) -> str:
        """Create a container of our own image, which needs no more than any engine takes, and return its id."""
        with asking("create a container"):
            return str(self._api.create_container_from_config(dict(request), None)["Id"])

    def volumes_of(self, runner_id: str) -> dict[str, dict[str, str]]:
        """Return the volumes with a runner's label: name → labels."""
        found = self._volumes_with(f"{RUNNER_LABEL}={runner_id}")
        return {str(each["Name"]): dict(each.get("Labels") or {}) for each in found}

    def volumes_made_for(self, attempt_id: str) -> dict[str, Made]:
        """Return the volumes with an attempt's label, of whatever runner, by their names."""
        found = self._volumes_with(f"{ATTEMPT_LABEL}={attempt_id}")
        return {
            str(each["Name"]): Made(
                datetime.fromisoformat(each["CreatedAt"]).timestamp(), dict(each.get("Labels") or {})
            )
            for each in found
        }

    def _volumes_with(self, label: str) -> list[dict[str, Any]]:
        with asking("list volumes"):
            return list(self._api.volumes(filters={"label": label}).get("Volumes") or ())

    def read_files(self, container: str, path: str) -> Generator[bytes, None, None]:
        """Yield a path of a container as a tar archive; who stops early lets go of the engine at once.

        An engine holds the container's lock while an archive of it is being read, so the answer is closed however the
        reading ends.

        Raises:
            EngineRefused: There is no such path (status 404).
            EngineUnavailable: The engine went away, or says nothing for longer than a call may take.
        """
        with asking("read a path of a container"):
            api = self._api
            address = api._url("/containers/{0}/archive", container)  # noqa: SLF001 - as the library asks it itself
            answer = api.get(address, params={"path": path}, stream=True, timeout=api.timeout)
            with closing(answer):
                api._raise_for_status(answer)  # noqa: SLF001 - the library's way from a status to its own error
                yield from answer.iter_content(_CHUNK)


def is_absent(refused: EngineRefused) -> bool:
    """Whether the engine refused because there is no such thing."""
    return refused.status == HTTPStatus.NOT_FOUND


def late_archive() -> EngineUnavailable:
    """Return the fault of an engine that does not hand an archive over whole, or not in time."""
    return EngineUnavailable("The container engine does not hand over the output in time, or not whole.")
