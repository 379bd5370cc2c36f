"""What a model must be, looked at before time is spent on training it."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.lib.modules import where
from components.training.data import Rows
from pipeline_tools.errors import InputError

SAMPLE = 64
"""Rows that an untrained model is called with."""

_STRETCHED = (1.0, 100.0, -100.0)
"""By how much the numbers of the sample are multiplied: a logit of an untrained model may well be between 0 and 1."""

FIX = "let it return the probability of label 1, shape (batch, 1), for example of keras.layers.Dense(1, 'sigmoid')"


def check_model(network: keras.Model, rows: Rows, module_name: str) -> None:
    """Call an untrained model on a few rows, and look at what it returns.

    Args:
        network: The compiled model.
        rows: The train rows.
        module_name: The model's module, which errors mention.

    Raises:
        InputError: It fails, or does not return probabilities of shape (batch, 1).
    """
    about = f"model_module={module_name}: the model"
    if not isinstance(network, keras.Model):
        raise InputError(f"model_module={module_name}: build_model must return a keras.Model, not {network!r}")
    if getattr(getattr(network, "loss", None), "from_logits", False):
        raise InputError(f"{about}'s loss takes logits (from_logits=True), and probabilities are served; {FIX}")
    sample = rows.select(slice(SAMPLE))
    for factor in _STRETCHED:
        columns = {
            name: column * np.float32(factor) if np.issubdtype(column.dtype, np.floating) else column
            for name, column in sample.columns.items()
        }
        inputs = {name: tf.constant(column) for name, column in columns.items()}
        try:
            with warnings.catch_warnings():
                # Keras looks ahead of the call, and warns of what then fails or does not.
                warnings.filterwarnings("ignore", "Layer .* looks like it has unbuilt state", UserWarning)
                scores = network(inputs, training=False)
        except Exception as error:
            if factor != 1:
                continue  # such numbers need not be among those it is made for
            text = str(error).strip().splitlines() or [""]
            raise InputError(
                f"{about} fails on {len(sample)} rows at {where(error)}: {type(error).__name__}: {text[0]}"
            ) from error
        check_scores(scores, len(sample), about, any_number=factor != 1)


def check_scores(scores: Any, rows: int, about: str, *, any_number: bool = False) -> None:
    """Check that scores are probabilities.

    Args:
        scores: What the model returned.
        rows: For how many rows.
        about: What errors begin with.
        any_number: Let numbers be that are not finite.

    Raises:
        InputError: They are not.
    """
    shape = getattr(scores, "shape", None)
    if shape is None or tuple(shape) != (rows, 1):
        what = f"a tensor of shape {tuple(shape)}" if shape is not None else f"a {type(scores).__name__}"
        raise InputError(f"{about} returns {what} for {rows} rows; {FIX}")
    values = np.asarray(scores)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{about} returns {values.dtype}; {FIX}")
    finite = np.isfinite(values)
    if not finite.all() and not any_number:
        raise InputError(f"{about} returns {values[~finite][0]} for {int((~finite).sum())} of {rows} rows; {FIX}")
    outside = finite & ((values < 0) | (values > 1))
    if outside.any():
        raise InputError(f"{about} returns {values[outside][0]:g}, which is not a probability (a logit?); {FIX}")
