"""Make all that a demonstration of this challenge needs: every case set, and the weights of every baseline.

Run as `python challenges/chest-phantom/prepare.py --out DIR`. It makes

    DIR/cases/<set>/                 studies and references.csv of sample, public, public-2 and final
    DIR/training/                    studies and references.csv that the baselines learn from
    DIR/weights/<baseline>/weights.npz

What is there already is kept as long as neither the sources nor the libraries that made it have changed. A part is
marked as made only when it is whole; two calls at once wait for each other.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = ("sample", "public", "public-2", "final")
TRAINING = "training"
TRAINED = ("lumen", "radix", "pallas", "brittle")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main(arguments: list[str] | None = None) -> int:
    """Make what is missing or out of date; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the chest phantom's case sets and its baselines' weights.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill")
    out: Path = parser.parse_args(arguments).out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(out)
    return 0


def prepare(out: Path) -> None:
    """Fill a folder; the caller holds its lock.

    Raises:
        subprocess.CalledProcessError: A step failed; what it made is not marked as made, so the next call repeats it.
    """
    studies = source_digest([HERE / "recipe"], ("numpy", "scipy", "pillow", "pydicom"))
    made = 0
    for name in (*CASES, TRAINING):
        target = out / TRAINING if name == TRAINING else out / "cases" / name
        made += _once(out, target, studies, partial(_draw, name, target))
    for name in TRAINED:
        sources = [HERE / "baselines" / name, HERE / "baselines" / "shared"]
        digest = source_digest(sources, ("numpy", "scikit-learn", "pydicom"), studies)
        target = out / "weights" / name
        made += _once(out, target, digest, partial(_train, name, out / TRAINING, target))
    print(f"chest-phantom: {made} of {len(CASES) + 1 + len(TRAINED)} parts made anew, the rest was there, in {out}")


def source_digest(folders: Iterable[Path], libraries: Iterable[str], *more: str) -> str:
    """Return a digest of Python sources and library versions: what decides the bytes that they make."""
    digest = hashlib.sha256()
    for text in (sys.version.split()[0], *more, *(f"{library}=={version(library)}" for library in libraries)):
        digest.update(f"{text}\n".encode())
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(HERE).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _once(out: Path, target: Path, digest: str, make: Callable[[], None]) -> bool:
    """Make a folder unless it is there with that digest; return whether it was made."""
    stamp = out / "stamps" / target.relative_to(out).as_posix().replace("/", "-")
    if target.is_dir() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return False
    stamp.unlink(missing_ok=True)
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    make()
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest, encoding="utf-8")
    return True


def _draw(name: str, target: Path) -> None:
    _run(HERE / "recipe", "--set", name, "--out", target)


def _train(name: str, training: Path, target: Path) -> None:
    _run(HERE / "baselines" / name / "train.py", "--training", training, "--out", target / "weights.npz")


def _run(*command: object) -> None:
    subprocess.run([sys.executable, *map(str, command)], check=True, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    sys.exit(main())
