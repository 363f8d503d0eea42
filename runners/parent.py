"""The control group above all of a runner's containers: limits that hold for all of them together.

With Docker's driver `cgroupfs` the group is made here and its limits are set by the kernel's own files; with `systemd`
it is a slice, whose limits are systemd's to set. Either way what the kernel holds is read back before a start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runners.faults import SandboxRefused

_GROUPS = Path("/sys/fs/cgroup")
_MIB = 1 << 20
_SLICE = ".slice"


@dataclass(frozen=True, slots=True)
class Together:
    """What all containers of a runner may use together; None is no limit of its own."""

    memory_mib: int | None = None
    pids: int | None = None

    def wanted(self, *, version_2: bool) -> dict[str, tuple[str, int]]:
        """Return the kernel's files, each with its controller and value."""
        memory = "memory.max" if version_2 else "memory.limit_in_bytes"
        found: dict[str, tuple[str, int]] = {}
        if self.memory_mib is not None:
            found[memory] = ("memory", self.memory_mib * _MIB)
        if self.pids is not None:
            found["pids.max"] = ("pids", self.pids)
        return found


def parent_name(setting: str | None, driver: str | None) -> str | None:
    """Return a parent as the engine's driver needs it: a path, or with systemd the name of a slice.

    Example:
        >>> parent_name("/arena", "cgroupfs"), parent_name("/arena/gpu", "systemd")
        ('/arena', 'arena-gpu.slice')
    """
    if not setting or driver != "systemd" or setting.endswith(_SLICE):
        return setting or None
    return setting.strip("/").replace("/", "-") + _SLICE


def hold_together(name: str, driver: str | None, together: Together, *, groups: Path = _GROUPS) -> None:
    """See to it that the parent has these limits.

    Args:
        name: What `parent_name` gave.
        driver: The engine's driver of control groups.
        together: The limits.
        groups: Where the kernel's control groups are mounted.

    Raises:
        SandboxRefused: It does not have them and they cannot be set from here; the message says who can.
    """
    version_2 = (groups / "cgroup.controllers").exists()
    if not version_2 and driver != "systemd":
        _inherit_cpus(groups / "cpuset", _path(name, driver))
    for file, (controller, value) in together.wanted(version_2=version_2).items():
        folder = groups / ("" if version_2 else controller) / _path(name, driver)
        path = folder / file
        if _read(path) == value:
            continue
        if driver == "systemd":
            raise SandboxRefused(_by_systemd(name, together))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(str(value))
        except OSError as error:
            msg = f"The containers' common limit {file} = {value} of control group {name} cannot be set: {error}"
            raise SandboxRefused(msg) from error
        if _read(path) != value:
            msg = f"The kernel did not take {file} = {value} for control group {name}; it holds {_read(path)}."
            raise SandboxRefused(msg)


def _inherit_cpus(root: Path, path: str) -> None:
    """Give a new group of version 1 the CPUs and memory nodes above it: it has none, and gVisor does not see to it."""
    above = root
    for part in Path(path).parts:
        folder = above / part
        try:
            folder.mkdir(exist_ok=True)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if not (folder / file).exists() or not (folder / file).read_text().strip():
                    (folder / file).write_text((above / file).read_text())
        except OSError as error:
            msg = f"Control group {path} cannot be given its CPUs: {error}"
            raise SandboxRefused(msg) from error
        above = folder


def _path(name: str, driver: str | None) -> str:
    """Return where a group lies: `a-b.slice` is within `a.slice`."""
    if driver != "systemd":
        return name.strip("/")
    parts = name.removesuffix(_SLICE).split("-")
    return "/".join("-".join(parts[: count + 1]) + _SLICE for count in range(len(parts)))


def _read(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _by_systemd(name: str, together: Together) -> str:
    properties = [f"MemoryMax={together.memory_mib}M"] if together.memory_mib is not None else []
    properties += [f"TasksMax={together.pids}"] if together.pids is not None else []
    command = f"systemctl set-property {name} {' '.join(properties)}"
    return f"The containers' common limits are not those of the settings: run `{command}`, and start {name} once."
