"""Run as `python challenges/chest-phantom/recipe --set NAME --out DIR`."""

from __future__ import annotations

import os
import sys

# One thread a process: the studies are drawn in parallel already. NumPy reads these when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

from phantom.cli import main

if __name__ == "__main__":
    sys.exit(main())
