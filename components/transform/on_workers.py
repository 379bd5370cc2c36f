"""Fit the transform graph and apply it by one Beam job, whose workers read and write the artifacts themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from components.lib.artifacts.examples import (
    as_lists,
    count_rows,
    parse_schema,
    read_batches,
    read_schema_text,
    split_files,
    splits,
    tensor_adapter_config,
)
from components.lib.beam.options import BeamOptions
from components.lib.beam.paths import check_paths, scratch_path
from components.lib.beam.pipelines import make_pipeline, run
from components.transform.transform import Transformer, transformed_name
from pipeline_tools.errors import InputError
from pipeline_tools.paths import atomic_path


def preprocess_on_workers(
    examples: str,
    function: Any,
    *,
    transform_graph: str,
    transformed_examples: str,
    options: BeamOptions,
) -> dict[str, int]:
    """Fit the transform graph on the train split only, and apply it to every split, on Beam's workers.

    Each file of examples becomes one of transformed examples, with its rows in their order, as `preprocess` in
    ``local`` mode writes them.

    Args:
        examples: URI of an `examples` artifact.
        function: The preprocessing function.
        transform_graph: URI to write.
        transformed_examples: URI to write.
        options: Where the job runs.

    Returns:
        As `preprocess`.

    Raises:
        InputError: The options or URIs cannot be used, or the function fails on columns of this schema.
        BeamJobError: The job failed.
    """
    check_paths(
        {"examples": examples, "transform_graph": transform_graph, "transformed_examples": transformed_examples},
        options,
    )
    text = read_schema_text(examples)
    schema = parse_schema(text)
    files = {split: split_files(examples, split) for split in splits(examples)}
    if "train" not in files:
        raise InputError(f"{examples}: no train split, and the transform graph is fitted on nothing else")
    with (
        atomic_path(transform_graph) as graph,
        atomic_path(transformed_examples) as transformed,
        scratch_path(options) as scratch,
        tft_beam.Context(temp_dir=scratch, force_tf_compat_v1=False),
    ):
        pipeline = make_pipeline(options)
        rows = (
            pipeline
            | "TrainFiles" >> beam.Create(files["train"])
            | "SpreadTrainFiles" >> beam.Reshuffle()
            | "ReadTrain" >> beam.FlatMap(_read_lists, text)
        )
        # The function is traced here, before anything runs.
        fitted = (rows, tensor_adapter_config(schema)) | "Analyze" >> tft_beam.AnalyzeDataset(function)
        written = fitted | "WriteGraph" >> tft_beam.WriteTransformFn(graph)
        todo = [(name, transformed_name(transformed, split, name)) for split, names in files.items() for name in names]
        _ = (
            pipeline
            | "Files" >> beam.Create(todo)
            | "SpreadFiles" >> beam.Reshuffle()
            # The side input is empty of meaning: it makes this wait until the graph stands.
            | "Transform" >> beam.ParDo(_TransformFile(graph, text), beam.pvalue.AsList(written))
        )
        run(pipeline, options)
        features = len(tft.TFTransformOutput(graph).transformed_feature_spec())
    return {**{split: count_rows(names) for split, names in files.items()}, "features": features}


def _read_lists(name: str, schema: str) -> Iterator[pa.RecordBatch]:
    parsed = parse_schema(schema)
    return (as_lists(batch, parsed) for batch in read_batches(name))


class _TransformFile(beam.DoFn):
    """Writes the transformed examples of one file; a second attempt writes the same."""

    def __init__(self, graph: str, schema: str) -> None:
        self._graph = graph
        self._schema = schema
        self._transformer: Transformer | None = None

    def process(self, names: tuple[str, str], written: Any) -> None:
        """Transform one file.

        Args:
            names: Of the Parquet file to read, and of the TFRecord file to write.
            written: Not looked at.
        """
        del written
        if self._transformer is None:
            self._transformer = Transformer(self._graph, parse_schema(self._schema))
        source, target = names
        self._transformer.write(read_batches(source), target)
