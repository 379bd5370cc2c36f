"""Golden requests: raw eval examples with the evaluation's predictions, which every endpoint must reproduce."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_tools.errors import InputError, PipelineToolsError

GOLDEN_FILE = "golden_requests.jsonl"
EXTRA = "assets.extra"
"""The directory inside a SavedModel that servers and loaders leave alone."""

TOLERANCE = 1e-6
"""Largest accepted difference of two probabilities. Float32 sums differ by about 1e-7 between batch sizes."""

SHOWN = 5


class PredictionMismatchError(PipelineToolsError):
    """An endpoint does not reproduce the evaluation's predictions of the golden requests."""


@dataclass(frozen=True)
class GoldenRequest:
    """One raw example and what the evaluation predicted for it.

    Attributes:
        key: The example's key.
        columns: Its raw values; a missing one is left out.
        probability: The prediction.
    """

    key: str
    columns: dict[str, int | float | str]
    probability: float


def choose_requests(examples: str, evaluation: str, count: int) -> list[GoldenRequest]:
    """Choose eval examples that have a prediction, spread evenly over the split.

    Args:
        examples: Directory of an `examples` artifact.
        evaluation: Directory of an `evaluation` artifact of the model on these examples.
        count: How many; fewer where the split is smaller.

    Returns:
        The requests, in the order of the split.

    Raises:
        InputError: ``count`` is not positive, or the evaluation is of other examples.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from components.lib.artifacts.evaluation import read_left_out, read_predictions
    from components.lib.artifacts.examples import KEY_COLUMN, read_batches, read_schema, split_files

    if count < 1:
        raise InputError(f"golden_requests={count}: at least one is needed to verify a deployment")
    columns = [feature.name for feature in read_schema(examples).feature]
    read = read_predictions(evaluation)
    predictions = dict(zip(read.keys.to_pylist(), read.scores.tolist(), strict=True))
    keys = pa.array(list(predictions))
    unlabelled = read_left_out(evaluation).get("unlabelled", 0)
    step = max(1, len(predictions) // count)
    requests: list[GoldenRequest] = []
    at = without = 0
    for path in split_files(examples, "eval"):
        for batch in read_batches(path):
            predicted = batch.filter(pc.is_in(batch.column(KEY_COLUMN), value_set=keys))
            for row in predicted.slice(-at % step).to_pylist()[::step]:
                values = {name: row[name] for name in columns if row[name] is not None}
                requests.append(GoldenRequest(row[KEY_COLUMN], values, predictions[row[KEY_COLUMN]]))
            at += predicted.num_rows
            without += batch.num_rows - predicted.num_rows
    if without != unlabelled:
        raise InputError(
            f"{evaluation}: no prediction for {without} eval examples, of which {unlabelled} have no label; was "
            f"it made from {examples}?"
        )
    return requests[:count]


def write_requests(model: Path, requests: Sequence[GoldenRequest]) -> None:
    """Write the requests into a SavedModel.

    Args:
        model: Directory of the SavedModel.
        requests: Written as JSON, one per line.
    """
    lines = [json.dumps(asdict(request), ensure_ascii=False) + "\n" for request in requests]
    (model / EXTRA).mkdir(exist_ok=True)
    (model / EXTRA / GOLDEN_FILE).write_text("".join(lines), encoding="utf-8")


def read_requests(model: Path) -> list[GoldenRequest]:
    """Read the requests of a SavedModel.

    Args:
        model: Directory of the SavedModel.

    Returns:
        The requests.

    Raises:
        InputError: It contains none.
    """
    path = model / EXTRA / GOLDEN_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: no golden requests: {error.strerror}") from None
    return [GoldenRequest(**json.loads(line)) for line in text.splitlines()]


def compare_predictions(requests: Sequence[GoldenRequest], answers: Sequence[float], who: str) -> float:
    """Compare an endpoint's predictions with those of the evaluation.

    Args:
        requests: The golden requests.
        answers: One probability per request.
        who: Name of the endpoint, for the error.

    Returns:
        The largest difference.

    Raises:
        PredictionMismatchError: A difference is over `TOLERANCE`; the message names the rows and differences.
    """
    if len(answers) != len(requests):
        raise PredictionMismatchError(f"{who} returned {len(answers)} predictions for {len(requests)} golden requests")
    differences = [abs(answer - request.probability) for request, answer in zip(requests, answers, strict=True)]
    wrong = [at for at, difference in enumerate(differences) if not difference <= TOLERANCE]  # NaN disagrees
    if wrong:
        rows = "; ".join(
            f"example {requests[at].key}: {answers[at]:.7g}, must be {requests[at].probability:.7g} "
            f"(differs by {differences[at]:.2g})"
            for at in wrong[:SHOWN]
        )
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise PredictionMismatchError(
            f"{who} disagrees with the evaluation on {len(wrong)} of {len(requests)} golden requests: {rows}{more}"
        )
    return max(differences, default=0.0)


def summary(requests: Sequence[GoldenRequest], differences: dict[str, float]) -> dict[str, Any]:
    """Summarize the verification.

    Args:
        requests: The golden requests.
        differences: The largest difference by endpoint.

    Returns:
        A JSON object.
    """
    return {"requests": len(requests), "tolerance": TOLERANCE, "largest_difference": differences}
