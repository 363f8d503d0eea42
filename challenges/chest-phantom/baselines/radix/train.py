"""Train Radix: `python train.py --training DIR --out weights.npz`."""

from __future__ import annotations

import pixels  # noqa: F401 - first: it sets the number of threads before NumPy is imported

# isort: split
from features import compute_features
from training import main

if __name__ == "__main__":
    main("radix", compute_features, strength={"nodule": 0.003, "effusion": 0.003, "pneumothorax": 0.003})
