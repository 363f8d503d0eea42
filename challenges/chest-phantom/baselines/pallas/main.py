"""Answer requests with a trained model: its features of the picture, a logistic regression for each finding."""

from __future__ import annotations

from pathlib import Path

from arena_algorithm import serve
from features import compute_features
from linear import LinearModel
from pixels import read_picture

MODEL: list[LinearModel] = []


def load() -> None:
    """Read the weights."""
    MODEL.append(LinearModel.load(Path(__file__).with_name("weights.npz")))


def predict(folder: Path) -> dict[str, float]:
    """Return each finding's probability for the study in a folder."""
    return MODEL[0].probabilities(compute_features(read_picture(folder)))


if __name__ == "__main__":
    serve(predict, load)
