"""The way to a container engine: its address, one client for each thread, and its faults as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import docker
from docker.utils import kwargs_from_env

from runners.asking import asking

# Podman's own API, at the address of its imitation of Docker's; every later version still answers to this one.
_PODMAN_API = "/v4.0.0/libpod"


class Connection:
    """Clients of one container engine, and what it is."""

    def __init__(self, *, base_url: str | None = None, timeout_seconds: int = 60) -> None:
        """Name the engine; nothing is asked of it yet.

        Args:
            base_url: Address of its API; by default that of the environment (`DOCKER_HOST`).
            timeout_seconds: How long any one call may take; loading and building have ten times as long.
        """
        self._base_url = base_url
        self._timeout = timeout_seconds
        self._local = threading.local()
        self._version: str | None = None
        self._podman: bool | None = None

    @property
    def timeout_seconds(self) -> int:
        """How long any one call may take."""
        return self._timeout

    def close(self) -> None:
        """Close this thread's connections; a thread that ends closes its own."""
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def ping(self) -> None:
        """Ask whether the engine is there.

        Raises:
            EngineUnavailable: It is not.
        """
        with asking("answer a ping"):
            self._api.ping()

    def is_podman(self) -> bool:
        """Whether it is Podman, whose sandbox is asked for and read back in its own way (`runners.podman`)."""
        if self._podman is None:
            with asking("tell its version"):
                parts = self._api.version().get("Components") or ()
            self._podman = any("Podman" in part["Name"] for part in parts)
        return self._podman

    def now(self) -> float:
        """Return the engine's own time, in seconds since 1970: it may be on another machine, with another clock."""
        with asking("tell its time"):
            return datetime.fromisoformat(self._api.info()["SystemTime"]).timestamp()

    def describe(self) -> dict[str, Any]:
        """Return what the manifest keeps of the engine: its version, kernel, cgroups, runtimes and security options."""
        with asking("describe itself"):
            info = self._api.info()
        kept = (
            "ServerVersion", "KernelVersion", "CgroupVersion", "CgroupDriver", "SecurityOptions", "Architecture",
            "NCPU",
        )  # fmt: skip
        name = "Podman" if self.is_podman() else "Docker"
        return {
            "Engine": name, **{key: info.get(key) for key in kept},
            "Runtimes": runtimes_of(info, podman=self.is_podman()), "GpusBy": _gpus_by(info),
        }  # fmt: skip

    @property
    def _api(self) -> Any:
        """This thread's client; untyped, as half of its methods have no types."""
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect(self._timeout)
        return client

    @contextmanager
    def _slow_api(self) -> Iterator[Any]:
        """A client of its own for calls that move whole images."""
        client = self._connect(10 * self._timeout)
        try:
            yield client
        finally:
            client.close()

    def _podmans(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask Podman's own API and return what it answers."""
        api = self._api
        answer = api.request(method, f"{api.base_url}{_PODMAN_API}{path}", json=body, timeout=self._timeout)
        api._raise_for_status(answer)  # noqa: SLF001 - the library's way from a status to its own error
        return answer.json() if answer.content else None

    def _connect(self, timeout_seconds: int) -> Any:
        named = {"base_url": self._base_url} if self._base_url is not None else kwargs_from_env()
        with asking("answer"):
            client = docker.APIClient(**named, version=self._version or "auto", timeout=timeout_seconds)
            self._version = client.api_version
        return client


def runtimes_of(info: Mapping[str, Any], *, podman: bool) -> dict[str, dict[str, Any]]:
    """Return path and arguments of each runtime that a container can be given, out of an engine's `info`.

    Podman names every runtime that it has ever heard of, whether it is there or not, and gives its own to all
    containers: version 4.3 passes over another one that is asked for.
    """
    known: Mapping[str, Any] = info.get("Runtimes") or {}
    own = info.get("DefaultRuntime")
    if podman and own:
        known = {own: known.get(own) or {"path": own}}
    return {
        name: {"path": each.get("path"), "arguments": each.get("runtimeArgs") or []}
        for name, each in sorted(known.items())
    }


def _gpus_by(info: Mapping[str, Any]) -> str | None:
    """Say by what an engine can give GPUs: NVIDIA's runtime, or devices by the Container Device Interface."""
    if "nvidia" in (info.get("Runtimes") or {}):
        return "nvidia"
    devices = (str(each.get("ID")) for each in info.get("DiscoveredDevices") or ())
    return "cdi" if any("/gpu=" in device for device in devices) else None
