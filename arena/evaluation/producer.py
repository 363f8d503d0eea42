"""With what numbers are computed here: the versions that decide a document's bytes, in one digest."""

from __future__ import annotations

import hashlib
import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version

from arena.store.documents import Producer

ROOTS = ("numpy", "pyarrow", "pydantic", "scikit-learn", "scipy")
"""What numbers pass through between stored predictions and a document's bytes; what these need counts with them."""

_NAME = re.compile(r"[^A-Za-z0-9._-]")


@cache
def producer() -> Producer:
    """Return the identity of this environment. A lock file fixes it; what is installed is what is looked at."""
    return Producer(
        arena=_version("arena-radiology") or "unknown",
        python=platform.python_version(),
        numpy=version("numpy"),
        scipy=version("scipy"),
        packages_sha256=hashlib.sha256("\n".join(installed(ROOTS)).encode()).hexdigest(),
        architecture=platform.machine(),
    )


def installed(roots: tuple[str, ...]) -> list[str]:
    """Return `name==version` of packages and of all that they require and that is installed, sorted."""
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        here = _version(name)
        if name in found or here is None:
            continue
        found[name] = here
        # Of markers only extras matter: what another one excludes is not installed, and so left out anyway.
        needed = (line.partition(";") for line in distribution(name).requires or ())
        waiting += [_NAME.split(asked, maxsplit=1)[0] for asked, _, marker in needed if "extra" not in marker]
    return sorted(f"{name}=={here}" for name, here in found.items())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
