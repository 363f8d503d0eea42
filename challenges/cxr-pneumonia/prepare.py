"""Sort the published radiographs into case sets: `prepare.py --data DIR/kermany_pediatric_cxr --out OUT`.

Writes for each of `final`, `public` and `training` a folder of pictures with opaque names and a table of labels beside
it (`final.csv`, …), in the form that `arena cases import` reads. `final` is the official test split, whole. `public`
and `training` come from the official training split, each name group (the child, as far as names tell) in one of them.
Name groups of the training split whose number also occurs in the test split are left out of both, because nothing
published says whether they are the same children.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Pictures in the public set: groups are drawn until it has at least this many.
PUBLIC_SIZE = 200
#: The split is an order of digests of this word and the group's name: no generator whose stream could change.
SEED = "cxr-pneumonia public set 1"


@dataclass(frozen=True)
class Picture:
    """One line of metadata.csv."""

    split: str
    file: str
    label: str
    group: str
    sha256: str

    @property
    def number(self) -> str:
        """The group's name without the split's prefix."""
        return self.group.removeprefix(f"{self.split}_")


def read_metadata(data: Path) -> list[Picture]:
    """Return the lines of metadata.csv."""
    with (data / "metadata.csv").open(encoding="utf-8", newline="") as stream:
        return [
            Picture(row["split"], row["file"], row["label"], row["name_group"], row["sha256"])
            for row in csv.DictReader(stream)
        ]


def divide(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Return the pictures of `final`, `public` and `training`."""
    final = [p for p in pictures if p.split == "test"]
    numbers = {p.number for p in final}
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        if picture.split == "train" and picture.number not in numbers:
            groups[picture.group].append(picture)
    public: list[Picture] = []
    training: list[Picture] = []
    for group in sorted(groups, key=lambda g: hashlib.sha256(f"{SEED} {g}".encode()).hexdigest()):
        (public if len(public) < PUBLIC_SIZE else training).extend(groups[group])
    return {"final": final, "public": public, "training": training}


def write(data: Path, out: Path, sets: Mapping[str, Sequence[Picture]]) -> None:
    """Copy the pictures under opaque names and write the tables.

    Raises:
        ValueError: A picture is not the one that metadata.csv describes.
    """
    for name, pictures in sets.items():
        folder = out / name
        folder.mkdir(parents=True)
        ordered = sorted(pictures, key=lambda p: p.sha256)
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(["study", "patient", "pneumonia"])
            for number, picture in enumerate(ordered, start=1):
                source = data / picture.file
                if hashlib.sha256(source.read_bytes()).hexdigest() != picture.sha256:
                    message = f"{source} is not the file that metadata.csv describes"
                    raise ValueError(message)
                study = f"x{number:04d}.jpeg"
                shutil.copyfile(source, folder / study)
                table.writerow([study, picture.group, picture.label])


def main() -> None:
    """Read the command line and prepare the sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.csv and images/")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the sets")
    arguments = parser.parse_args()
    sets = divide(read_metadata(arguments.data))
    write(arguments.data, arguments.out, sets)
    for name, pictures in sets.items():
        positive = sum(p.label == "1" for p in pictures)
        print(f"{name}: {len(pictures)} studies, {positive} with pneumonia, {len({p.group for p in pictures})} groups")


if __name__ == "__main__":
    main()
