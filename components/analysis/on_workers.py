"""Predict and evaluate by one Beam job, whose workers read and write the artifacts themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.analysis.predict import Predictor, as_extracts, predictions_name
from components.lib.artifacts.examples import parse_schema, read_batches
from components.lib.beam.options import BeamOptions
from components.lib.beam.pipelines import make_pipeline, run


def evaluate_on_workers(
    files: Sequence[str],
    config: config_pb2.EvalConfig,
    predictor: tuple[str, str, str, Sequence[str], str],
    evaluation: str,
    *,
    rows: int,
    options: BeamOptions,
) -> None:
    """Write predictions and TFMA's result.

    Args:
        files: Parquet files of the eval split.
        config: From `load_eval_config`.
        predictor: Arguments of `Predictor`: URI of the model, text of the schema, the label, columns to keep, weights.
        evaluation: URI to write below.
        rows: Rows a batch.
        options: Where the job runs.

    Raises:
        BeamJobError: The job failed.
    """
    pipeline = make_pipeline(options)
    extracts = (
        pipeline
        | "Files" >> beam.Create(list(files))
        | "SpreadFiles" >> beam.Reshuffle()
        | "Predict" >> beam.ParDo(_PredictFile(predictor, evaluation, rows))
    )
    _ = extracts | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=evaluation)
    # TFMA divides by zero in slices of one class and writes NaN for them, as it should.
    with np.errstate(divide="ignore", invalid="ignore"):
        run(pipeline, options)


class _PredictFile(beam.DoFn):
    """Writes the predictions for one file and hands them on; a second attempt writes the same."""

    def __init__(self, predictor: tuple[str, str, str, Sequence[str], str], evaluation: str, rows: int) -> None:
        self._arguments = predictor
        self._evaluation = evaluation
        self._rows = rows
        self._predictor: Any = None

    def setup(self) -> None:
        """Load the model, once a worker."""
        model, schema, label_key, columns, weight_key = self._arguments
        self._predictor = Predictor(model, parse_schema(schema), label_key, columns, weight_key)

    def process(self, name: str) -> Iterator[pa.RecordBatch]:
        """Predict one file.

        Args:
            name: Of a Parquet file of examples.

        Yields:
            Predictions as TFMA reads them.
        """
        target = predictions_name(self._evaluation, name)
        self._predictor.predict_file(name, target)
        for batch in read_batches(target, rows=self._rows):
            yield as_extracts(batch)
