"""Read an eval config and say what it needs of the examples."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.lib.artifacts.evaluation import WEIGHT_COLUMN
from components.lib.artifacts.examples import KEY_COLUMN
from components.lib.modules import load_text
from components.training.export import OUTPUT, SIGNATURE, TRANSFORM
from pipeline_tools.errors import InputError


def load_eval_config(name: str, label_key: str) -> tuple[config_pb2.EvalConfig, str]:
    """Load a TFMA ``EvalConfig`` and complete it.

    Args:
        name: Path of a text-format file, or dotted name of a module that holds the text as ``EVAL_CONFIG``. It gives
            slices, metrics, thresholds, and in ``model_specs`` an ``example_weight_key``.
        label_key: The label among the transformed features.

    Returns:
        The config, for the columns ``label_key``, ``probability`` and, if examples are weighted, ``example_weight``;
        and the raw column that weighs them, empty for none.

    Raises:
        InputError: There is no such config, it cannot be read, or its model spec asks for what is not done.
    """
    try:
        config: config_pb2.EvalConfig = text_format.Parse(
            load_text(name, "EVAL_CONFIG", "eval_config"), config_pb2.EvalConfig()
        )
    except text_format.ParseError as error:
        raise InputError(f"eval_config={name}: not a TFMA EvalConfig in text form: line {error}") from error
    if not config.metrics_specs:
        raise InputError(f"eval_config={name}: names no metrics (metrics_specs), so that nothing can be evaluated")
    weight_key = _read_model_specs(config, f"eval_config={name}", label_key)
    for spec in config.metrics_specs:
        if spec.HasField("example_weights"):
            raise InputError(
                f"eval_config={name}: metrics_specs.example_weights is not supported: metrics are weighted where "
                "model_specs has an example_weight_key, and only there; leave it out"
            )
    del config.model_specs[:]
    weights = {"example_weight_key": WEIGHT_COLUMN} if weight_key else {}
    config.model_specs.add(label_key=label_key, prediction_key=OUTPUT, **weights)
    return config, weight_key


def _read_model_specs(config: config_pb2.EvalConfig, where: str, label_key: str) -> str:
    """Check that what the model specs ask for is what is done, and give the column of weights."""
    if len(config.model_specs) > 1:
        raise InputError(f"{where}: {len(config.model_specs)} model_specs; one model is evaluated, so give one or none")
    done = {
        "label_key": label_key,
        "prediction_key": OUTPUT,
        "signature_name": SIGNATURE,
        "preprocessing_function_names": [TRANSFORM],
    }
    for spec in config.model_specs:
        for field, value in spec.ListFields():
            if field.name == "example_weight_key":
                continue
            given = value if isinstance(value, str) else list(value) if field.name in done else str(value).strip()
            if done.get(field.name) != given:
                only = f"must be {done[field.name]!r}, or left out" if field.name in done else "is not supported"
                raise InputError(
                    f"eval_config={where.partition('=')[2]}: {field.name} in model_specs {only}, and is {given!r}"
                )
        return str(spec.example_weight_key)
    return ""


def slice_columns(config: config_pb2.EvalConfig, columns: list[str], label_key: str) -> list[str]:
    """List the raw columns that the slices are made from.

    Args:
        config: The eval config.
        columns: Columns of the schema, in order.
        label_key: The label among the transformed features.

    Returns:
        Names in the order of the schema.

    Raises:
        InputError: A slice names a column that the schema lacks, or one of a name that the predictions use.
    """
    specs = [*config.slicing_specs]
    for cross in config.cross_slicing_specs:
        specs += [cross.baseline_spec, *cross.slicing_specs]
    named = {key for spec in specs for key in (*spec.feature_keys, *spec.feature_values)}
    if unknown := sorted(named - set(columns)):
        raise InputError(f"eval_config slices by {', '.join(unknown)}; the schema's columns are {', '.join(columns)}")
    used = {KEY_COLUMN, label_key, OUTPUT, WEIGHT_COLUMN}
    if any(spec.slice_keys_sql for spec in specs):
        return [name for name in columns if name not in used]
    if taken := sorted(named & used):
        raise InputError(
            f"eval_config slices by {', '.join(taken)}: predictions have a column of that name of their own; rename "
            "the raw column, or the label"
        )
    return [name for name in columns if name in named]
