"""Train the baseline on the training part that prepare.py wrote: `train.py --data OUT [--out weights.npz]`.

Nothing of the public or the final set is read.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from features import features
from PIL import Image
from sklearn.linear_model import LogisticRegression

#: Inverse strength of the penalty on the weights; probabilities stay usable (see design.md).
PENALTY_INVERSE = 3.0


def train(data: Path, out: Path) -> int:
    """Train on `data`/training.csv and write the weights; return the number of studies used."""
    with (data / "training.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    images = [Image.open(data / "training" / row["study"]).convert("L") for row in rows]
    table = np.stack([features(np.asarray(image, dtype=np.float64)) for image in images])
    labels = np.array([int(row["pneumonia"]) for row in rows])
    model = LogisticRegression(C=PENALTY_INVERSE, max_iter=2000).fit(table, labels)
    np.savez(out, weights=model.coef_[0], offset=model.intercept_[0])
    return len(rows)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare.py wrote")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("weights.npz"), help="file of weights")
    arguments = parser.parse_args()
    count = train(arguments.data, arguments.out)
    print(f"trained on {count} studies: {arguments.out}")


if __name__ == "__main__":
    main()
