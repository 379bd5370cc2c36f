"""Run transform, training and analysis on a small table, from an `examples` artifact written by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e.fitting import fit_with

_TYPES = {"INT": pa.int64(), "FLOAT": pa.float32(), "BYTES": pa.string()}

MODEL = Path(__file__).parent / "tumours" / "model.py"

EVAL_CONFIG = """
slicing_specs {}
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics { class_name: "AUC" }
  metrics { class_name: "BinaryAccuracy" }
  metrics { class_name: "BinaryCrossentropy" }
}
"""


@dataclass
class Learning:
    """A folder with one data set in it, and the steps on it.

    Attributes:
        root: Where artifacts go.
        types: INT, FLOAT or BYTES by column.
        preprocessing: Source of the preprocessing module.
        label_key: The label among the transformed features.
        model: Source of the model module; empty for a plain Keras model.
        more_schema: Text to add to the schema.
        hyperparameters: Of the model.
    """

    root: Path
    types: dict[str, str]
    preprocessing: str
    label_key: str
    model: str = ""
    more_schema: str = ""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    model_module: str = field(default=str(MODEL))

    def __post_init__(self) -> None:
        for name, text in (("features.py", self.preprocessing), ("model.py", self.model)):
            (self.root / name).write_text(text)
        if self.model:
            self.model_module = str(self.root / "model.py")

    def path(self, name: str) -> str:
        return str(self.root / name)

    def write(self, **rows_by_split: list[dict[str, Any]]) -> None:
        """Write the examples: rows by split."""
        for split, rows in rows_by_split.items():
            columns = {"example_key": pa.array([f"{split}{number:06}" for number in range(len(rows))])}
            columns |= {name: pa.array([row[name] for row in rows], _TYPES[kind]) for name, kind in self.types.items()}
            (self.root / "examples" / split).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns), self.root / "examples" / split / "00000.parquet")
        text = "".join(f'feature {{ name: "{name}" type: {kind} }}\n' for name, kind in self.types.items())
        (self.root / "examples" / "schema.pbtxt").write_text(text + self.more_schema, encoding="utf-8")

    def transform(self) -> dict[str, int]:
        from components.transform.preprocess import preprocess

        return preprocess(
            self.path("examples"),
            self.path("features.py"),
            transform_graph=self.path("graph"),
            transformed_examples=self.path("transformed"),
        )

    def train(self, model: str = "model", **changes: Any) -> dict[str, float]:
        arguments = {
            "train_steps": 20,
            "batch_size": 20,
            "hyperparameters": self.hyperparameters,
        } | changes
        return fit_with(
            self.path("examples"),
            self.path("transformed"),
            self.path("graph"),
            self.path(model),
            model_module=self.model_module,
            label_key=self.label_key,
            **arguments,
        )

    def analyze(self, eval_config: str = EVAL_CONFIG, model: str = "model", **changes: Any) -> dict[str, Any]:
        from components.analysis.analyze import analyze

        (self.root / "eval_config.pbtxt").write_text(eval_config)
        return analyze(
            self.path("examples"),
            self.path(model),
            self.path("eval_config.pbtxt"),
            label_key=self.label_key,
            evaluation=self.path("evaluation"),
            **changes,
        )

    def predictions(self) -> pa.Table:
        return pq.read_table(sorted((self.root / "evaluation" / "predictions").iterdir()))

    def weights(self, model: str = "model") -> dict[str, np.ndarray]:
        import tensorflow as tf

        reader = tf.train.load_checkpoint(f"{self.path(model)}/variables/variables")
        names = [name for name in reader.get_variable_to_shape_map() if name.startswith("weights/")]
        return {name: reader.get_tensor(name) for name in names}
