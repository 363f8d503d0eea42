"""Whether an engine took the sandbox as asked: the created container against the request, before it is started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runners.compare import differ, plain, said
from runners.faults import SandboxRefused
from runners.policy import with_short_profile

# Engines list these beside what was asked; with these values they mean "nothing of the kind".
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "ConsoleSize": ([0, 0],),
    "Isolation": ("default",),
    "VolumeDriver": ("local",),
}


def read_back(request: Mapping[str, Any], inspected: Mapping[str, Any]) -> dict[str, Any]:
    """Compare a created container with the request for it, and return the sandbox's manifest.

    Args:
        request: What `SandboxPolicy.request` gave.
        inspected: What the engine says of the container, before it is started.

    Returns:
        `requested` and `observed` settings, JSON-ready; the seccomp profile stands there by its SHA-256.

    Raises:
        SandboxRefused: The engine left out, changed or added a setting; the message names each.
    """
    differences = _differences(request, inspected)
    if differences:
        msg = "The engine did not take the sandbox as asked: " + "; ".join(differences)
        raise SandboxRefused(msg)
    config = {key: inspected["Config"].get(key) for key in request if key not in {"HostConfig", "Image", "Labels"}}
    config["Env"] = [name.split("=", 1)[0] for name in inspected["Config"].get("Env") or []]
    observed = {
        "Image": inspected.get("Image"),
        **config,
        "HostConfig": {key: inspected["HostConfig"].get(key) for key in request["HostConfig"]},
        "Mounts": inspected.get("Mounts") or [],
    }
    return {"requested": with_short_profile(request), "observed": with_short_profile(observed)}


def _differences(request: Mapping[str, Any], inspected: Mapping[str, Any]) -> list[str]:
    asked, took = request["HostConfig"], inspected.get("HostConfig") or {}
    config = inspected.get("Config") or {}
    found = [
        said(f"HostConfig.{key}", value, took.get(key)) for key, value in asked.items() if differ(value, took.get(key))
    ]
    found += [
        said(f"HostConfig.{key}", None, value)
        for key, value in took.items()
        if key not in asked and plain(value) is not None and value not in _HARMLESS.get(key, ())
    ]
    merged = {"HostConfig", "Image", "Labels", "Env"}
    took_of_config = {**config, "Healthcheck": _check(config.get("Healthcheck"))}
    found += [
        said(f"Config.{key}", value, took_of_config.get(key))
        for key, value in request.items()
        if key not in merged and differ(value, took_of_config.get(key))
    ]
    if inspected.get("Image") != request["Image"]:
        found.append(said("Image", request["Image"], inspected.get("Image")))
    found += _missing_entries(request, config)
    binds = [
        {"Type": m.get("Type"), "Destination": m.get("Destination"), "RW": m.get("RW")}
        for m in inspected.get("Mounts") or []
    ]
    expected = [
        {"Type": mount["Type"], "Destination": mount["Target"], "RW": not mount["ReadOnly"]}
        for mount in asked["Mounts"]
    ]
    # Some engines list the declared tmpfs file systems among the mounts as well.
    binds = [b for b in binds if not (b["Type"] == "tmpfs" and b["Destination"] in asked["Tmpfs"])]
    if differ(sorted(binds, key=_destination), sorted(expected, key=_destination)):
        found.append(said("Mounts", expected, binds))
    return found


def _check(took: Any) -> Any:
    """Return a health check without what an engine adds of the image's own to one that is switched off."""
    off = isinstance(took, Mapping) and took.get("Test") == ["NONE"]
    return {"Test": ["NONE"]} if off else took


def _destination(mount: Mapping[str, Any]) -> str:
    return str(mount["Destination"])


def _missing_entries(request: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Compare what engines merge with the image's own values: the environment and the labels."""
    env, labels = config.get("Env") or [], config.get("Labels") or {}
    found = [said("Config.Env", entry, None) for entry in request["Env"] if entry not in env]
    wrong = {key: value for key, value in request["Labels"].items() if labels.get(key) != value}
    return found + [said(f"Config.Labels.{key}", value, labels.get(key)) for key, value in wrong.items()]
