"""Makes the example files from the CSV files that scikit-learn's package carries (README.md says where they are from).

    pip download --no-deps scikit-learn && unzip scikit_learn-*.whl 'sklearn/datasets/data/*'
    python examples/make_datasets.py sklearn/datasets/data

The split is fixed: every fifth row in the order of a hash of its number is held out, whatever machine runs this.
"""

import csv
import gzip
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
CELL_FEATURES = [
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
]


def main(source: Path) -> None:
    with gzip.open(source / "digits.csv.gz", "rt") as file:
        digits = [[str(int(float(cell))) for cell in row] for row in csv.reader(file)]
    pixels = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    write("digits", [*pixels, "digit"], digits)

    with (source / "breast_cancer.csv").open() as file:
        (_, _, *names), *rows = list(csv.reader(file))
    cells = [f"{kind}_{name}" for kind in ("mean", "error", "worst") for name in CELL_FEATURES]
    write("breast-cancer", [*cells, "diagnosis"], [[*row[:-1], names[int(row[-1])]] for row in rows])


def write(name: str, header: list[str], rows: list[list[str]]) -> None:
    order = sorted(range(len(rows)), key=lambda row: hashlib.sha256(f"{name} {row}".encode()).digest())
    held_out = set(order[::5])
    for file, chosen in ((name, set(order) - held_out), (f"{name}-heldout", held_out)):
        save(HERE / f"{file}.csv", [header, *(rows[row] for row in sorted(chosen))])


def save(path: Path, lines: Iterable[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
