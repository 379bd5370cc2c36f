"""What the example of 2018 got wrong, each with a test that fails if it comes back.

Elsewhere: the eval split analyzed by itself, the label changed by the second variant, and December without an id of its
own (test_transform_and_train.py); waiting for 60 days, the latest model taken by directory order, and return codes
ignored (the tests of the deploy components).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import components
import taxi_pipeline as application
from tests.command import taxi_pipeline

ROOT = Path(application.__file__).parents[1]


def test_a_misspelt_parameter_is_an_error(tmp_path: Path, monkeypatch) -> None:
    """It was ignored (parse_known_args), and the branch ran with its defaults."""
    monkeypatch.chdir(tmp_path)
    done = taxi_pipeline("run", "workflow1", "--param", "train_step=5")
    assert done.returncode == 2
    assert "train_step" in done.stderr
    assert "train_steps" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_misspelt_flag_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = taxi_pipeline("run", "workflow1", "--run-dri", "x")
    assert done.returncode == 2
    assert "--run-dir" in done.stderr


def test_a_sample_is_the_same_every_time_and_not_the_first_rows(tmp_path: Path) -> None:
    """It was a LIMIT without an order."""
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from taxi_pipeline.data import TRIPS
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN

    keys = []
    for name in ("a", "b"):
        parameters = ReadParameters(
            input_handle_train="sample://trips",
            input_handle_eval="sample://trips",
            schema="taxi_pipeline.schema",
            key_column=KEY_COLUMN,
            derived_columns=DERIVED_COLUMNS,
            time_column=TIME_COLUMN,
            max_rows=300,
        )
        read_examples(
            parameters, examples=tmp_path / name, statistics=tmp_path / f"{name}-s", anomalies=tmp_path / f"{name}-a"
        )
        keys.append(
            [
                pq.read_table(sorted((tmp_path / name / split).iterdir()))["example_key"].to_pylist()
                for split in ("train", "eval")
            ]
        )
    assert keys[0] == keys[1]
    taken = {key for split in keys[0] for key in split}
    assert len(taken) == 300
    first = set(pq.read_table(TRIPS)["unique_key"].slice(0, 300).to_pylist())
    assert len(taken & first) < 30


@pytest.mark.parametrize("handle", ["my-csv-folder/trips", "csv.trips", "trips.tsv"])
def test_the_kind_of_a_source_is_never_guessed_from_a_part_of_its_name(tmp_path: Path, handle: str) -> None:
    """It was `'csv' in handle`."""
    from components.example_generation.sources.handles import parse_handle
    from pipeline_tools.errors import InputError

    with pytest.raises(InputError, match="bq://"):
        parse_handle(handle, "input_handle_train")


def test_no_module_uses_an_undefined_name() -> None:
    """`tft.string_to_int` was on a path that nobody ran: every `tft.` name that is used exists."""
    import tensorflow_transform as tft

    used = set()
    for package in (components, application):
        for path in Path(package.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tft":
                    used.add(node.attr)
    assert {"scale_to_z_score", "bucketize"} <= used
    assert not {name for name in used if not hasattr(tft, name)}
