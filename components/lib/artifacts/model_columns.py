"""Which raw columns a model follows from, and how TensorFlow calls them: kept inside the SavedModel."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from pipeline_tools.errors import InputError
from pipeline_tools.paths import join

COLUMNS_FILE = "assets.extra/columns.json"
"""Inside the SavedModel, in the directory that servers and loaders leave alone."""

RAW_SIGNATURE = "serving_raw"
"""The signature with an input for each raw column."""


@dataclass(frozen=True)
class ModelColumns:
    """The raw columns of a model.

    Attributes:
        label_key: The label among the transformed features.
        label_columns: Raw columns that the label follows from; an example that lacks one has no label.
        inputs: Raw columns that the features follow from, by the name that TensorFlow has for each inside. A server's
            clients see the columns' own names.
    """

    label_key: str
    label_columns: list[str]
    inputs: dict[str, str] = field(default_factory=dict)


def safe_names(columns: Iterable[str]) -> dict[str, str]:
    """Give each column a name that TensorFlow takes for an argument of a signature.

    Args:
        columns: Any names.

    Returns:
        The columns by their safe names: the same where that is one.
    """
    names = sorted(columns)
    safe = {name: name for name in names if _is_safe(name)}
    for name in names:
        if name in safe:
            continue
        stem = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "column"
        stem = f"column_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem
        candidate, number = stem, 1
        while candidate in safe:
            number += 1
            candidate = f"{stem}_{number}"
        safe[candidate] = name
    return safe


def _is_safe(name: str) -> bool:
    # TensorFlow writes names of arguments in lower case.
    return bool(re.fullmatch(r"[a-z][a-z0-9_]*", name)) and not keyword.iskeyword(name)


def rename_inputs(model: str, signature: str, names: Mapping[str, str]) -> None:
    """Let a server's clients see the columns' own names as the inputs of a signature.

    TensorFlow's Python functions take identifiers only, so that `tf.saved_model.load` still gives the safe names; what
    servers read, the SavedModel's signature definitions, takes any text.

    Args:
        model: Directory of the SavedModel, or its ``gs://`` URI.
        signature: The signature's name.
        names: The names to give, by the present ones.
    """
    if all(safe == name for safe, name in names.items()):
        return
    path = join(model, "saved_model.pb")
    content = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(path, "rb") as file:
        content.ParseFromString(file.read())
    for graph in content.meta_graphs:
        inputs = graph.signature_def[signature].inputs
        infos = {name: type(inputs[safe]).FromString(inputs[safe].SerializeToString()) for safe, name in names.items()}
        inputs.clear()
        for name, info in infos.items():
            inputs[name].CopyFrom(info)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content.SerializeToString(deterministic=True))


def write_model_columns(model: str, columns: ModelColumns) -> None:
    """Write the columns of a model into it.

    Args:
        model: Directory of the SavedModel, or its ``gs://`` URI.
        columns: To write.
    """
    path = join(model, COLUMNS_FILE)
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(asdict(columns), indent=2, ensure_ascii=False) + "\n")


def read_model_columns(model: str | Path) -> ModelColumns | None:
    """Read the columns of a model.

    Args:
        model: Directory of the SavedModel, or its ``gs://`` URI.

    Returns:
        None of a model that was not written by `train`, and does not say them.

    Raises:
        InputError: The file in it is broken.
    """
    path = join(model, COLUMNS_FILE)
    try:
        with tf.io.gfile.GFile(path) as file:
            return ModelColumns(**json.loads(file.read()))
    except tf.errors.NotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: not what train writes: {error}") from error
