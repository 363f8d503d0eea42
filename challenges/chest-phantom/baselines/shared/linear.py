"""A logistic regression for each finding, stored as NumPy arrays. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class LinearModel:
    """Weights and bias of each finding; `weights.npz` holds `<finding>.weights` and `<finding>.bias`."""

    def __init__(self, weights: Mapping[str, Vector], bias: Mapping[str, float]) -> None:
        """Take the weights."""
        self.weights, self.bias = dict(weights), dict(bias)

    @classmethod
    def load(cls, path: Path) -> LinearModel:
        """Read a model."""
        with np.load(path, allow_pickle=False) as stored:
            findings = [name.removesuffix(".weights") for name in stored.files if name.endswith(".weights")]
            return cls(
                {finding: stored[f"{finding}.weights"] for finding in findings},
                {finding: float(stored[f"{finding}.bias"]) for finding in findings},
            )

    def save(self, path: Path) -> None:
        """Write the model."""
        arrays: dict[str, Any] = {f"{finding}.weights": vector for finding, vector in self.weights.items()}
        arrays |= {f"{finding}.bias": np.asarray(value) for finding, value in self.bias.items()}
        np.savez(path, **arrays)

    def probabilities(self, features: Mapping[str, Vector]) -> dict[str, float]:
        """Return each finding's probability from its own features."""
        scores = {
            finding: float(features[finding] @ self.weights[finding]) + self.bias[finding] for finding in self.bias
        }
        return {finding: float(1 / (1 + np.exp(-score))) for finding, score in scores.items()}
