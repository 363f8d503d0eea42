"""Run as `python challenges/chest-phantom/recipe --set NAME --out DIR`."""

from __future__ import annotations

import os
import sys

# One thread a process: the studies are drawn in parallel already. NumPy reads these when it is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from phantom.cli import main

if __name__ == "__main__":
    sys.exit(main())
