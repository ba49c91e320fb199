"""What a buyer is told of columns that do not fill a model's input."""

from pathlib import Path
from typing import Any

import pytest

import weighbridge as wb
from fakes import COLUMNS, World, dataset_of, run
from weighbridge.contracts import Market as Deployed
from weighbridge.contracts import typed_digest
from weighbridge.features import features_for


def test_a_column_that_needs_more_is_told_how_to_be_written(world: World, tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [{"name": "scan", "type": "tensor", "shape": [3]}, {"name": "photo", "type": "image"}]
    world.dataset = dataset_of([*COLUMNS, *columns], network=world.network)
    world.offer_digest = typed_digest(Deployed(31337, "0x" + "11" * 20), "Offer", world.dataset.offer)
    for column, advice in (("scan", r"'shape': \[3\], 'min': \.\.\."), ("photo", "'kind': 'image', .*'height': 32")):
        with pytest.raises(wb.WeighbridgeError, match=advice):
            run(world, tmp_path, features=[column])


def test_a_width_that_does_not_fit_is_told_by_column(world: World, tmp_path: Path) -> None:
    with pytest.raises(wb.WeighbridgeError, match=r"are 2 numbers wide, the model takes 3\b[\s\S]*: p makes 1, q makes 1\."):
        run(world, tmp_path, features=["p", "q"])


@pytest.mark.parametrize(
    ("dtype", "columns", "advice"),
    [
        (
            "int64",
            [{"name": "id", "type": "number"}, {"name": "note", "type": "string"}],
            "'kind': 'text', .*'note', .*'length': 6,",
        ),
        ("float32", [{"name": "note", "type": "string"}], "'kind': 'one-hot', 'column': 'note'"),
        (
            "float32",
            [{"name": "note", "type": "string"}, {"name": "scan", "type": "image"}],
            "'kind': 'image', 'column': 'scan'",
        ),
        ("int32", [{"name": "id", "type": "number"}], "'kind': 'category', 'column': 'id'"),
        ("float32", [], "more columns than the one to predict"),
    ],
)
def test_where_nothing_is_declared_a_feature_is_written_out(world: World, dtype: str, columns: Any, advice: str) -> None:
    dataset = dataset_of([*columns, {"name": "sick", "type": "boolean"}], network=world.network)
    takes = [{"name": "x", "shape": [2, 3], "dtype": dtype}]
    with pytest.raises(wb.WeighbridgeError, match=advice):
        features_for(takes, dataset, {"sick"}, None)
