"""Fetches the wheels that Arena's image is built from, so that the build itself needs no network.

Takes the pinned, hashed requirements of a server, keeps those that apply to the image's Python, and has pip download
exactly them as wheels for x86-64 Linux, whatever machine this is.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

# Of the C library of Debian 12 (2.36) and of all before it that wheels are still made for.
PLATFORMS = [*(f"manylinux_2_{minor}_x86_64" for minor in range(36, 16, -1)), "manylinux2014_x86_64", "linux_x86_64"]


def requirements_for(lock: str, python: str) -> list[str]:
    """Choose the entries of a universal lock file that apply to one Python on x86-64 Linux.

    Args:
        lock: The text of the lock file: one entry per package, its hashes on continued lines.
        python: Version as `3.11`.

    Returns:
        The entries, with their hashes and without their conditions: pip would judge those by its own Python, not by
        the one it downloads for.
    """
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    chosen = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if not re.match(r"[A-Za-z0-9]", entry):
            continue
        named, *hashes = re.split(r"\s*\\?\n\s*|\s+(?=--hash)", entry.strip())
        requirement = Requirement(named.removesuffix("\\").strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            kept = [line.removesuffix("\\").strip() for line in hashes if line.startswith("--hash")]
            chosen.append(" ".join([f"{requirement.name}{requirement.specifier}", *kept]))
    return chosen


def download(requirements: list[str], folder: Path, python: str, pip: str) -> None:
    """Let pip fetch the wheels of the requirements, their hashes checked, into the folder."""
    wanted = folder.parent / "requirements.txt"
    wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    options = ["-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    target = ["--implementation", "cp", "--python-version", python, *platforms]
    places = ["--dest", str(folder), "--requirement", str(wanted)]
    subprocess.run([pip, "-m", "pip", "download", *options, *target, *places], check=True)


def main() -> int:
    """Fetch what the command line asks for."""
    parser = argparse.ArgumentParser(description="Fetch the wheels for Arena's image.")
    parser.add_argument("--python", required=True, help="the image's Python, as 3.11")
    parser.add_argument("--pip", required=True, help="a Python that has pip")
    parser.add_argument("--into", required=True, type=Path, help="folder of the wheels")
    parser.add_argument("locks", nargs="+", type=Path, help="lock files")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    chosen = [line for lock in given.locks for line in requirements_for(lock.read_text("utf-8"), given.python)]
    download(chosen, given.into, given.python, given.pip)
    sys.stdout.write(f"{len(chosen)} wheels in {given.into}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
