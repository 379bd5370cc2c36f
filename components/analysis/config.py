"""Read an eval config and say what it needs of the examples."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.lib.modules import load_text
from components.training.export import OUTPUT
from pipeline_tools.errors import InputError


def load_eval_config(name: str, label_key: str) -> config_pb2.EvalConfig:
    """Load a TFMA ``EvalConfig`` and complete it.

    Args:
        name: Path of a text-format file, or dotted name of a module that holds the text as ``EVAL_CONFIG``. It gives
            slices, metrics and thresholds; the model spec is written here.
        label_key: The label among the transformed features.

    Returns:
        The config, for the columns ``label_key`` and ``probability``.

    Raises:
        InputError: There is no such config, or it cannot be read.
    """
    try:
        config: config_pb2.EvalConfig = text_format.Parse(
            load_text(name, "EVAL_CONFIG", "eval_config"), config_pb2.EvalConfig()
        )
    except text_format.ParseError as error:
        raise InputError(f"eval_config={name}: not a TFMA EvalConfig in text form: line {error}") from error
    if not config.metrics_specs:
        raise InputError(f"eval_config={name}: names no metrics (metrics_specs), so that nothing can be evaluated")
    del config.model_specs[:]
    config.model_specs.add(label_key=label_key, prediction_key=OUTPUT)
    return config


def slice_columns(config: config_pb2.EvalConfig, known: list[str]) -> list[str]:
    """List the raw columns that the slices are made from.

    Args:
        config: The eval config.
        known: Columns of the schema, in order.

    Returns:
        Names in the order of the schema.

    Raises:
        InputError: A slice names a column that the schema lacks.
    """
    specs = [*config.slicing_specs]
    for cross in config.cross_slicing_specs:
        specs += [cross.baseline_spec, *cross.slicing_specs]
    named = {key for spec in specs for key in (*spec.feature_keys, *spec.feature_values)}
    if unknown := sorted(named - set(known)):
        raise InputError(f"eval_config slices by {', '.join(unknown)}; the schema's columns are {', '.join(known)}")
    if any(spec.slice_keys_sql for spec in specs):
        return known
    return [name for name in known if name in named]
