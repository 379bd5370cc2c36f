"""What an analysis warns of, with a real SavedModel and TFMA's own result."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.analysis.analyze import analyze
from tests.components.analysis.models import save_model
from tests.components.lib.report.pages import Page

ROWS = 600
NUMBERS = ("hint", "leak", "y")
SCHEMA = "".join(f'feature {{ name: "{name}" type: FLOAT }}\n' for name in NUMBERS)
CONFIG = """
slicing_specs {}
slicing_specs { feature_keys: "hint" }
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics {
    class_name: "AUC"
    per_slice_thresholds { slicing_specs {} threshold { value_threshold { lower_bound { value: %s } } } }
  }
  metrics {
    class_name: "BinaryAccuracy"
    per_slice_thresholds { slicing_specs {} threshold { value_threshold { lower_bound { value: %s } } } }
  }
}
"""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of five rows have label 0; `leak` is the label by another name, `hint` knows a little."""
    folder = tmp_path_factory.mktemp("examples")
    random = np.random.default_rng(0)
    labels = np.arange(ROWS) % 5 == 0
    table = pa.table(
        {
            "hint": np.round(random.random(ROWS) + 0.5 * labels).astype(np.float32),
            "leak": (labels + 0.1 * random.random(ROWS)).astype(np.float32),
            "y": labels.astype(np.float32),
            "example_key": [f"{at:05}" for at in range(ROWS)],
        }
    )
    (folder / "eval").mkdir()
    pq.write_table(table, folder / "eval" / "data-00000-of-00001.parquet")
    (folder / "schema.pbtxt").write_text(SCHEMA)
    return folder


def analyzed(examples: Path, folder: Path, *, reads: str, thresholds: tuple[float, float]) -> tuple[list[str], Page]:
    save_model(folder / "model", NUMBERS, "y", reads)
    (folder / "config.pbtxt").write_text(CONFIG % thresholds)
    analyze(
        str(examples),
        str(folder / "model"),
        str(folder / "config.pbtxt"),
        label_key="label",
        evaluation=str(folder / "evaluation"),
        report=str(folder / "report.html"),
    )
    warnings = json.loads((folder / "evaluation" / "warnings.json").read_text())
    return warnings, Page((folder / "report.html").read_text())


def test_a_column_that_gives_the_label_away_and_that_the_model_reads_is_named_in_file_log_and_page(
    examples: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="components"):
        warnings, page = analyzed(examples, tmp_path, reads="leak", thresholds=(0.9, 0.85))
    (warning,) = warnings
    assert warning.startswith(
        "leak alone predicts the label almost perfectly (AUC 1.0000 over 600 eval rows), and the model reads it"
    )
    assert warning in caplog.messages
    assert warning in page.text


def test_the_label_itself_and_what_the_model_does_not_read_are_no_leak(examples: Path, tmp_path: Path) -> None:
    warnings, page = analyzed(examples, tmp_path, reads="hint", thresholds=(0.9, 0.85))
    assert warnings == []
    assert "warning" not in page.text


def test_thresholds_that_the_majority_class_meets_are_named(examples: Path, tmp_path: Path) -> None:
    warnings, page = analyzed(examples, tmp_path, reads="hint", thresholds=(0.5, 0.8))
    area, accuracy = warnings
    assert area.startswith(
        "the threshold of AUC, at least 0.5, is met without a model: the majority class reaches 0.5000 in all examples."
    )
    assert accuracy.startswith(
        "the threshold of BinaryAccuracy, at least 0.8, is met without a model: the majority class reaches 0.8000 in"
    )
    assert accuracy in page.text
