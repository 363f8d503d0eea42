"""What `/output` is made of, as plain values: the volume's bounds, and how it is mounted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OUTPUT = "/output"
_INODES_PER_CASE = 64
_PAGES_PER_MIB = 256


@dataclass(frozen=True, slots=True)
class OutputSpace:
    """The size of `/output`: what each case is allowed, times the cases that one container is given."""

    mib_per_case: int
    cases: int = 1

    @property
    def size_mib(self) -> int:
        """MiB of files."""
        return self.mib_per_case * self.cases

    @property
    def inodes(self) -> int:
        """Files, folders and links together, the root among them."""
        return _INODES_PER_CASE * self.cases

    def options(self, uid: int) -> dict[str, str]:
        """Return the driver's options for a volume that belongs to an account alone."""
        # In pages: Podman takes `size` for the quota of a disk, and refuses it.
        bounds = f"nr_blocks={self.size_mib * _PAGES_PER_MIB},nr_inodes={self.inodes}"
        return {
            "type": "tmpfs",
            "device": "tmpfs",
            "o": f"{bounds},mode=0700,uid={uid},gid={uid},nosuid,nodev,noexec",
        }


def volume_mount(volume: str, *, read_only: bool) -> Mapping[str, Any]:
    """Return the mount of a volume at /output, into which nothing of the image is copied."""
    return {
        "Type": "volume",
        "Source": volume,
        "Target": OUTPUT,
        "ReadOnly": read_only,
        "VolumeOptions": {"NoCopy": True},
    }
