"""What an engine says of itself and of the runtime that is to hold a container: whether it can be used at all.

This is what can be told from the engine's words. Whether a runtime keeps what it is told is seen by `runners.selftest`,
and for every single container by `runners.kernel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from runners.faults import EngineRefused
from runners.values import Isolation

_GVISOR = "runsc"
_DROPS_LIMITS = "ignore-cgroups"
_JOINS_NETWORK = "network=host"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime of an engine: `path` and `arguments` as the engine starts it, `engine` what it says of itself."""

    name: str
    path: str
    arguments: tuple[str, ...]
    engine: Mapping[str, Any]

    @property
    def gvisor(self) -> bool:
        """Whether it is gVisor: a kernel of its own between the container and the host's."""
        return any(PurePosixPath(name).name.startswith(_GVISOR) for name in (self.path or self.name, self.name))

    def refuse_gpus(self, count: int) -> None:
        """Refuse a container that needs GPUs where it could have none.

        Raises:
            EngineRefused: The engine has none to give, or cannot give them to this runtime.
        """
        if not count:
            return
        action = f"give a container {count} GPUs"
        if self.engine.get("Engine") == "Podman":
            raise EngineRefused(action, None, "GPUs are asked for of Docker only, not of Podman")
        if self.gvisor:
            raise EngineRefused(action, None, "gVisor does not pass them on; the challenge needs isolation standard")
        if self.engine.get("GpusBy") is None:
            why = "it knows neither the runtime nvidia nor a CDI device of a GPU; install NVIDIA's container toolkit"
            raise EngineRefused(action, None, why)

    def summary(self) -> dict[str, Any]:
        """Return what manifests keep of the runtime."""
        return {"name": self.name, "path": self.path, "arguments": list(self.arguments), "gvisor": self.gvisor}


def runtime_of(about: Mapping[str, Any], name: str, isolation: Isolation) -> Runtime:
    """Return a runtime out of what `Engine.describe` gave.

    Raises:
        EngineRefused: The engine cannot filter system calls or runs without root; it does not know the runtime; the
            runtime is registered so that it drops limits or has a network, or is not gVisor where that is asked for.
    """
    options = " ".join(about.get("SecurityOptions") or ())
    if "seccomp" not in options:
        raise EngineRefused("filter system calls", None, "it, or its kernel, was built without seccomp")
    if "rootless" in options:
        why = "it runs without root, and so has too few accounts to give"
        raise EngineRefused("give every container an account of its own", None, why)
    known: Mapping[str, Mapping[str, Any]] = about["Runtimes"]
    if known and name not in known:
        raise EngineRefused(f"use runtime {name!r}", None, f"it has {', '.join(known)}")
    facts = known.get(name) or {}
    runtime = Runtime(name, facts.get("path") or "", tuple(facts.get("arguments") or ()), about)
    for argument in runtime.arguments:
        if argument.lstrip("-").removesuffix("=true") in {_DROPS_LIMITS, _JOINS_NETWORK}:
            raise EngineRefused(f"use runtime {name!r}", None, f"registered with {argument}, it holds nothing")
    if isolation is Isolation.GVISOR and not runtime.gvisor:
        raise EngineRefused("isolate by gVisor", None, f"runtime {name!r} is {runtime.path or 'another one'}")
    return runtime
