"""What held an evaluation's containers in, in words for the board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arena.presentation.wording import Words

_MIB = 1 << 20
_DIGEST_SHOWN = 12

Lines = tuple[tuple[str, str], ...]


def sandbox_lines(manifest: Mapping[str, Any], words: Words) -> Lines:
    """Word a sandbox manifest (runners/manifest.py): each setting with its name."""
    asked, held = manifest["requested"], manifest["kernel_holds"]
    engine, runtime = manifest["engine"], manifest["runtime"]
    gvisor = words("sandbox.gvisor") if runtime["gvisor"] else words("sandbox.standard")
    profile = str(asked["seccomp"]).removeprefix("sha256:")[:_DIGEST_SHOWN]
    return (
        (words("sandbox.runtime"), f"{runtime['name']} · {gvisor} · {engine['name']} {engine['version']}"),
        (words("sandbox.memory"), words("sandbox.memory_text", mib=words.integer(asked["memory_bytes"] // _MIB))),
        (words("sandbox.cpus"), f"{asked['cpus']:g}"),
        (words("sandbox.pids"), words.integer(asked["pids"])),
        (words("sandbox.network"), words("sandbox.none")),
        (words("sandbox.calls"), words("sandbox.calls_text", profile=profile)),
        (words("sandbox.privileges"), words("sandbox.privileges_text")),
        (words("sandbox.kernel"), words(_seen(held))),
        (words("sandbox.policy"), str(manifest["policy_digest"])[:_DIGEST_SHOWN]),
    )


def _seen(held: Mapping[str, Any]) -> str:
    if not held["seen"]:
        return "sandbox.unseen"
    # Manifests of before this was kept tell of one container each.
    return "sandbox.seen" if held.get("all_seen", False) else "sandbox.seen_in_part"
