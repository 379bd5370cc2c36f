"""The decoded content of artifacts, whose bytes differ from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def transformed(transformed_examples: str, transform_graph: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of each split, in order, as plain values."""
    import tensorflow as tf
    import tensorflow_transform as tft

    spec = tft.TFTransformOutput(transform_graph).transformed_feature_spec()
    rows: dict[str, list[dict[str, Any]]] = {}
    for split in sorted(tf.io.gfile.listdir(transformed_examples)):
        files = sorted(tf.io.gfile.glob(f"{transformed_examples}/{split.rstrip('/')}/*"))
        parsed = [tf.io.parse_single_example(row, spec) for row in tf.data.TFRecordDataset(files, "GZIP")]
        rows[split.rstrip("/")] = [{name: value.numpy().item() for name, value in row.items()} for row in parsed]
    return rows


def evaluated(evaluation: str | Path) -> dict[str, float]:
    """Every number that TFMA wrote, by slice and metric."""
    import tensorflow_model_analysis as tfma

    result = tfma.load_eval_result(str(evaluation))
    return {
        f"{slice_key} {name}": float(value["doubleValue"])
        for slice_key, outputs in result.slicing_metrics
        for name, value in outputs[""][""].items()
        if "doubleValue" in value
    }
