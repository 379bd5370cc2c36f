"""Replay a SavedModel's golden requests with its `serving_default`, in a process without any state of the training.

Run as ``python -m components.lib.deploy.replay MODEL ANSWERS``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from components.lib.deploy.golden import GoldenRequest, compare_predictions, read_requests
from components.lib.serving.example import encode_row
from pipeline_tools.errors import InputError

TIMEOUT = 600
"""Seconds after which loading is taken to hang."""


def check_in_fresh_process(model: Path, requests: list[GoldenRequest], scratch: Path) -> float:
    """Check that a SavedModel, loaded by a fresh process, predicts what the evaluation did.

    Args:
        model: Directory of a SavedModel that contains these golden requests.
        requests: The golden requests.
        scratch: A scratch directory for the predictions.

    Returns:
        The largest difference.

    Raises:
        InputError: The SavedModel cannot be loaded or fails to predict.
        PredictionMismatchError: It predicts something else.
    """
    answers = scratch / "answers.json"
    command = [sys.executable, "-m", "components.lib.deploy.replay", str(model), str(answers)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode != 0 or not answers.is_file():
        last = [line for line in done.stderr.splitlines() if line.strip()][-5:]
        raise InputError(f"{model}: the SavedModel fails on its golden requests:\n" + "\n".join(last))
    return compare_predictions(requests, json.loads(answers.read_text(encoding="utf-8")), "the exported SavedModel")


def main(model: str, answers: str) -> None:
    """Predict the golden requests.

    Args:
        model: Directory of a SavedModel with golden requests.
        answers: File to write: a JSON list of probabilities.
    """
    import tensorflow as tf

    requests = read_requests(Path(model))
    loaded = tf.saved_model.load(model)
    serialized = tf.constant([encode_row(request.columns) for request in requests])
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    (output,) = signature(**{name: serialized}).values()
    Path(answers).write_text(json.dumps([float(value) for value in output.numpy()[:, 0]]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
