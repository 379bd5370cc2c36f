"""Each of two real SavedModels on the eval rows of both sources."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from components.cross_evaluation.cross_evaluate import cross_evaluate, flat_metrics
from pipeline_tools.errors import InputError
from tests.components.analysis.models import save_model

NUMBERS = ("x", "z", "y")
SCHEMA = "".join(f'feature {{ name: "{name}" type: FLOAT }}\n' for name in NUMBERS)


def write_examples(directory: Path, split: str, first_key: int, informative: str, rows: int = 400) -> pa.Table:
    """Write rows in which one column knows of the label, and the other is noise."""
    random = np.random.default_rng(first_key)
    labels = random.integers(0, 2, rows)
    values = {name: random.normal(size=rows) + 1.5 * labels * (name == informative) for name in ("x", "z")}
    columns = {name: column.astype(np.float32) for name, column in (values | {"y": labels}).items()}
    table = pa.table({**columns, "example_key": [f"{at:05}" for at in range(first_key, first_key + rows)]})
    (directory / split).mkdir(parents=True)
    pq.write_table(table, directory / split / "data-00000-of-00001.parquet")
    (directory / "schema.pbtxt").write_text(SCHEMA)
    return table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for at, name in enumerate(("x", "z")):
        save_model(tmp_path / f"model of {name}", NUMBERS, "y", reads=name)
        write_examples(tmp_path / f"train of {name}", "train", 1000 * at, name)
        write_examples(tmp_path / f"eval of {name}", "eval", 1000 * at + 500, name)
    return tmp_path


def evaluated(folder: Path, weight_key: str = "", **changes: Path) -> dict:
    paths = {name: folder / name for name in ("train of x", "train of z", "eval of x", "eval of z")} | changes
    return cross_evaluate(
        {name: str(folder / f"model of {name}") for name in ("x", "z")},
        {name: str(paths[f"train of {name}"]) for name in ("x", "z")},
        {f"rows of {name}": str(paths[f"eval of {name}"]) for name in ("x", "z")},
        label_key="label",
        matrix=str(folder / "matrix"),
        weight_key=weight_key,
    )


def test_each_model_is_evaluated_on_each_set_of_rows(folder: Path) -> None:
    result = evaluated(folder)
    assert json.loads((folder / "matrix" / "matrix.json").read_text()) == result
    for row, reads in enumerate(("x", "z")):
        for column, source in enumerate(("x", "z")):
            table = pq.read_table(folder / f"eval of {source}" / "eval")
            cell = result["cells"][row][column]
            assert cell["value"] == pytest.approx(roc_auc_score(table["y"], table[reads]), abs=1e-3)
            assert cell["low"] < cell["value"] < cell["high"]
    assert result["rows"] == {"rows of x": 400, "rows of z": 400}
    assert flat_metrics(result)["auc of x on rows of x"] > 0.8 > 0.6 > flat_metrics(result)["auc of x on rows of z"]


def test_rows_that_a_model_was_trained_on_are_refused(folder: Path) -> None:
    write_examples(folder / "overlap", "eval", 399, "z")
    with pytest.raises(InputError, match=r"1 rows of 'rows of z' are among those that the model of 'x' was trained on"):
        evaluated(folder, **{"eval of z": folder / "overlap"})


def test_rows_of_one_class_are_refused(folder: Path) -> None:
    path = folder / "eval of x" / "eval" / "data-00000-of-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.filter(pa.compute.equal(table["y"], 1)), path)
    with pytest.raises(InputError, match=r"labels \('label'\) of 'rows of x' are 1: one class has no AUC"):
        evaluated(folder)


def test_weights_count(folder: Path) -> None:
    for name in ("x", "z"):
        path = folder / f"eval of {name}" / "eval" / "data-00000-of-00001.parquet"
        table = pq.read_table(path)
        weights = pa.array(np.random.default_rng(7).choice([0.0, 1.0, 3.0], table.num_rows).astype(np.float32))
        pq.write_table(table.append_column("w", weights), path)
        schema = (folder / f"eval of {name}" / "schema.pbtxt").read_text()
        (folder / f"eval of {name}" / "schema.pbtxt").write_text(f'{schema}feature {{ name: "w" type: FLOAT }}\n')
    plain, weighted = evaluated(folder), evaluated(folder, weight_key="w")
    table = pq.read_table(folder / "eval of x" / "eval")
    expected = roc_auc_score(table["y"], table["x"], sample_weight=table["w"])
    assert weighted["cells"][0][0]["value"] == pytest.approx(expected, abs=1e-3)
    assert weighted["cells"][0][0]["value"] != plain["cells"][0][0]["value"]
    with pytest.raises(InputError, match="no such column of numbers"):
        evaluated(folder, weight_key="weight")
