"""Train a baseline from a folder of studies and its label table, with scikit-learn."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from linear import LinearModel
from numpy.typing import NDArray
from pixels import Picture, read_picture
from rich.console import Console
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

Vector = NDArray[np.float32]
Features = Callable[[Picture], Mapping[str, Vector]]


def main(name: str, features: Features, *, strength: Mapping[str, float], studies: int | None = None) -> None:
    """Run a baseline's `train.py`.

    Args:
        name: The baseline's name, for the progress line.
        features: Computes each finding's features from a picture; the container uses the same function.
        strength: Each finding's inverse strength of regularisation (`C` of scikit-learn).
        studies: How many of the training studies to use; all by default.
    """
    parser = argparse.ArgumentParser(description=f"Train the baseline {name}.")
    parser.add_argument("--training", type=Path, required=True, help="folder with references.csv and the studies")
    parser.add_argument("--out", type=Path, required=True, help="where to write weights.npz")
    options = parser.parse_args()
    with (options.training / "references.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:studies]
    model = fit(name, features, strength, options.training, rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    model.save(options.out)
    print(f"{name}: trained on {len(rows)} studies, weights in {options.out}")


def fit(
    name: str, features: Features, strength: Mapping[str, float], folder: Path, rows: list[dict[str, str]]
) -> LinearModel:
    """Return a model fitted to the rows of a label table."""
    # Forked before the progress display starts its thread.
    with multiprocessing.get_context("fork").Pool() as pool:
        computed = pool.imap(partial(_features, features), [folder / row["study"] for row in rows], chunksize=16)
        vectors = list(_shown(f"{name}: computing features", computed, len(rows)))
    weights, bias = {}, {}
    for finding, inverse in strength.items():
        matrix = np.stack([each[finding] for each in vectors])
        labels = np.array([row[finding] == "1" for row in rows])
        weights[finding], bias[finding] = _logistic(matrix, labels, inverse)
    return LinearModel(weights, bias)


def _features(features: Features, study: Path) -> dict[str, Vector]:
    return dict(features(read_picture(study)))


def _logistic(matrix: Vector, labels: NDArray[np.bool_], inverse: float) -> tuple[Vector, float]:
    """Return weights and bias that include the standardisation of the features."""
    scale = StandardScaler().fit(matrix)
    model = LogisticRegression(C=inverse, max_iter=400).fit(scale.transform(matrix), labels)
    weights = model.coef_[0] / scale.scale_
    return weights.astype(np.float32), float(model.intercept_[0] - weights @ scale.mean_)


def _shown(title: str, steps: Iterable[dict[str, Vector]], total: int) -> Iterable[dict[str, Vector]]:
    return track(steps, description=title, total=total, console=Console(stderr=True))
