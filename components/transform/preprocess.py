"""Fit the transform graph on the train split, and apply it to both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2

from components.lib.artifacts.examples import (
    as_lists,
    read_batches,
    read_schema,
    split_files,
    splits,
    tensor_adapter_config,
)
from components.lib.beam.options import BeamOptions
from components.lib.beam.pipelines import local_pipeline, pickle_by_value
from components.lib.modules import load_attribute, where
from components.transform.on_workers import preprocess_on_workers
from components.transform.transform import Transformer, transformed_name
from pipeline_tools.atomic import atomic_directory
from pipeline_tools.errors import InputError

PreprocessingFn = Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]


def preprocess(
    examples: str,
    preprocessing_module: str,
    *,
    transform_graph: str,
    transformed_examples: str,
    options: BeamOptions | None = None,
) -> dict[str, int]:
    """Fit the transform graph on the train split only, and apply it to every split.

    Args:
        examples: Directory of an `examples` artifact; it may lack the eval split.
        preprocessing_module: Path or dotted name of a module with ``preprocessing_fn(columns) -> features``, where
            columns are dense tensors of shape (batch,).
        transform_graph: Directory to write, as ``tft.TFTransformOutput`` opens it.
        transformed_examples: Directory to write: a directory a split, with gzipped TFRecord files.
        options: Where the work is done; default in this process. In ``cloud`` mode the first three are URIs that the
            workers reach: ``gs://…``, or directories that they share.

    Returns:
        Rows by split, and the number of transformed features as ``features``.

    Raises:
        InputError: The module is missing, has no ``preprocessing_fn``, or the function fails on columns of this schema,
            or the options cannot be used.
        BeamJobError: In ``cloud`` mode, the job failed.
    """
    options = options or BeamOptions()
    options.check()
    given = load_preprocessing_fn(preprocessing_module)
    function = _explained(given, preprocessing_module)
    if options.cloud:
        pickle_by_value(given)
        return preprocess_on_workers(
            examples,
            function,
            transform_graph=transform_graph,
            transformed_examples=transformed_examples,
            options=options,
        )
    schema = read_schema(examples)
    files = {split: split_files(examples, split) for split in splits(examples)}
    if "train" not in files:
        raise InputError(f"{examples}: no train split, and the transform graph is fitted on nothing else")
    with atomic_directory(transform_graph) as graph, atomic_directory(transformed_examples) as transformed:
        _fit(files["train"], schema, function, graph)
        transformer = Transformer(str(graph), schema)
        rows = {
            split: sum(
                transformer.write(read_batches(name), transformed_name(transformed, split, name)) for name in names
            )
            for split, names in files.items()
        }
    return {**rows, "features": len(transformer.feature_names)}


def load_preprocessing_fn(name: str) -> PreprocessingFn:
    """Load a user's preprocessing function.

    Args:
        name: Path or dotted name of its module.

    Returns:
        The module's ``preprocessing_fn``.

    Raises:
        InputError: There is no such module, or it has no function of that name.
    """
    function: PreprocessingFn = load_attribute(name, "preprocessing_fn", "preprocessing_module")
    if not callable(function):
        raise InputError(f"preprocessing_module={name}: preprocessing_fn is a {type(function).__name__}, no function")
    return function


def _fit(names: list[str], schema: schema_pb2.Schema, function: PreprocessingFn, output: Path) -> None:
    def batches(name: str) -> Iterator[pa.RecordBatch]:
        return (as_lists(batch, schema) for batch in read_batches(name))

    with tempfile.TemporaryDirectory() as scratch, tft_beam.Context(temp_dir=scratch, force_tf_compat_v1=False):
        pipeline = local_pipeline()
        rows = pipeline | beam.Create(names) | beam.FlatMap(batches)
        # The function is traced here, before anything runs.
        fitted = (rows, tensor_adapter_config(schema)) | tft_beam.AnalyzeDataset(function)
        _ = fitted | tft_beam.WriteTransformFn(str(output))
        pipeline.run().wait_until_finish()


def _explained(function: PreprocessingFn, name: str) -> PreprocessingFn:
    """Wrap a preprocessing function so that its failure names the module, the line and the columns there are."""

    def preprocessing_fn(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        known = sorted(columns)  # the function may change the mapping
        try:
            outputs = function(columns)
        except Exception as error:
            text = f"no column {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
            raise InputError(
                f"preprocessing_module={name}: preprocessing_fn failed at {where(error)}: {text}. "
                f"The schema's columns are {', '.join(known)}"
            ) from error
        if not isinstance(outputs, Mapping) or not outputs:
            raise InputError(
                f"preprocessing_module={name}: preprocessing_fn must return features by name, and returned {outputs!r}"
            )
        for key, value in outputs.items():
            if not isinstance(value, tf.Tensor) or value.shape.rank != 1:
                raise InputError(
                    f"preprocessing_module={name}: feature {key!r} must be a dense tensor of shape (batch,), "
                    f"and is {value!r}"
                )
        return dict(outputs)

    # TensorFlow's autograph would rewrite the wrapper and lose the user's line numbers.
    wrapped: PreprocessingFn = tf.autograph.experimental.do_not_convert(preprocessing_fn)
    return wrapped
