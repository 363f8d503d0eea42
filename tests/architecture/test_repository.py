"""What is committed installs anywhere: exact versions, hashes, and no address of a package index."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written in parts, so that this file does not name what it forbids.
REGISTRIES = [
    f"{name}.{domain}"
    for name, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb.debian", "org"),
        ("security.debian", "org"),
        ("archive.ubuntu", "com"),
        ("docker", "io/library"),
        ("ghcr", "io"),
        ("quay", "io"),
    ]
]


def committed_files() -> list[Path]:
    """List what git tracks, as it stands in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_index() -> None:
    named = []
    for path in committed_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        named += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
    assert named == []


@pytest.mark.parametrize("name", ["lock.txt", "runtime.txt", "bootstrap.txt"])
def test_every_locked_package_has_an_exact_version_and_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(
        r"\n(?=[a-z0-9])", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    )
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[0-9][^ ]*", entry.strip()), entry
        assert "--hash=sha256:" in entry, entry


def test_the_server_s_versions_are_those_that_are_tested() -> None:
    tested, served = (
        dict(
            re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE)
        )
        for name in ("lock.txt", "runtime.txt")
    )
    assert served.items() <= tested.items()


def test_every_declared_dependency_is_locked() -> None:
    declared = re.findall(
        r'^    "([A-Za-z0-9._-]+)[^"]*[=<>][^"]*"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    locked = (ROOT / "requirements" / "lock.txt").read_text("utf-8")
    assert declared
    assert [name for name in declared if not re.search(rf"^{name.lower()}==", locked, re.MULTILINE)] == []


def test_scripts_are_valid_and_executable() -> None:
    scripts = [ROOT / ".ci" / "run", *sorted((ROOT / "scripts").glob("*.sh"))]
    for script in scripts:
        subprocess.run(["bash", "-n", str(script)], check=True)
        sourced = script.name == "shell.sh"
        assert bool(script.stat().st_mode & 0o100) != sourced, script
