"""Fuzzes one reader of hostile bytes, guided by coverage: the first defect found ends it with exit code 77.

    python tests/fuzz/fuzz.py TARGET [libFuzzer options] [folder of a corpus, or files to try alone]

Without a folder it begins from the seeds and keeps nothing. For hours rather than seconds, with a corpus that grows and
the input that broke it left in the working directory as `crash-…`:

    mkdir -p .cache/fuzz/answer
    .venv/bin/python tests/fuzz/fuzz.py answer -max_total_time=14400 .cache/fuzz/answer
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.seeds import write_seeds

# pydicom is large: to instrument it takes longer than a short run of another reader.
PACKAGES = ["arena", "runners", *(["pydicom"] if "output_file" in sys.argv[1:2] else [])]

with atheris.instrument_imports(include=PACKAGES):
    from tests.fuzz.targets import NAIVE, TARGETS

LIMITS = ["-timeout=20", "-rss_limit_mb=1500", "-max_len=65536"]


def main(arguments: Sequence[str]) -> None:
    """Fuzz the target that the first argument names."""
    known = TARGETS | NAIVE
    if not arguments or arguments[0] not in known:
        raise SystemExit(f"Name one of {', '.join(sorted(known))}.")
    name, options = arguments[0], [each for each in arguments[1:] if each.startswith("-")]
    with tempfile.TemporaryDirectory(prefix="arena-fuzz-") as folder:
        seeds = Path(folder) / "seeds"
        write_seeds(name, seeds)
        given = [each for each in arguments[1:] if not each.startswith("-")]
        alone = bool(given) and all(Path(each).is_file() for each in given)
        atheris.Setup([sys.argv[0], *LIMITS, *options, *given, *([] if alone else [str(seeds)])], known[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
