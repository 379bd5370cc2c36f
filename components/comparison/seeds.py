"""How far the training seed moves a comparison: the same variant trained again and again, on the same eval examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from components.lib.artifacts.evaluation import Predictions, as_predictions
from components.lib.artifacts.examples import read_batches, read_schema, split_files
from components.lib.artifacts.trainings import Training, seed_directory
from components.lib.stats.estimates import mean_of_few, sum_of_independent
from components.lib.stats.resample import Resampled, mean_of
from pipeline_tools.errors import InputError

Array = np.ndarray[Any, Any]


def check_same_seeds(trainings: Mapping[str, Sequence[Training]]) -> list[int]:
    """Check that both variants were trained with the same seeds.

    Args:
        trainings: By variant; nothing where the trainings are not known.

    Returns:
        The seeds; none where they are not known.

    Raises:
        InputError: They differ.
    """
    seeds = {name: [each.seed for each in some] for name, some in trainings.items()}
    both = list(seeds.values())
    if both and both.count(both[0]) < len(both):
        listed = "; ".join(f"{name}: {', '.join(map(str, some))}" for name, some in seeds.items())
        raise InputError(f"the models were trained with different seeds ({listed}): give both the same seed and seeds")
    return both[0] if both else []


def predict_seeds(
    directory: str, seeds: Sequence[int], examples: str, label_key: str, predictions: Predictions
) -> dict[int, Array]:
    """Let the models of further seeds predict the eval examples, as `tfma_analyze` lets the first.

    Args:
        directory: Of a `trainings` artifact.
        seeds: Which of its models to ask.
        examples: Directory of the `examples` artifact.
        label_key: The label among the transformed features.
        predictions: Those of the model of the first seed.

    Returns:
        By seed, the probabilities of 1, shape (n,), in the order of ``predictions``.

    Raises:
        InputError: A model is missing, or predicts other examples.
    """
    from components.analysis.predict import Predictor  # TensorFlow, which a comparison of one seed is spared

    schema = read_schema(examples)
    scores: dict[int, Array] = {}
    for seed in seeds:
        model = seed_directory(directory, seed)
        predictor = Predictor(str(model), schema, label_key, [])
        batches = (each for name in split_files(examples, "eval") for each in read_batches(name))
        own = as_predictions(pa.Table.from_batches(predictor.predict_batch(each) for each in batches).combine_chunks())
        if not own.keys.equals(predictions.keys):
            raise InputError(f"{model}: predicts other eval examples than the model of the first seed")
        scores[seed] = own.scores
    return scores


def describe_seeds(areas: Mapping[str, Sequence[Resampled]], seeds: Sequence[int]) -> dict[str, Any]:
    """Say how the AUC of two variants, and its difference, go from seed to seed.

    Eval rows and training seeds are two independent sources of luck. The interval of the mean
    difference holds both: its two halves are the roots of the summed squares of the halves over the rows (resampled)
    and over the seeds (Student's t of the differences, one a seed), as G. Zou and A. Donner, "Construction of
    confidence limits about effect measures", Statistics in Medicine 27 (2008), put intervals together. The variants are
    paired by seed, which holds whether or not a seed that is good for one is good for the other.

    Args:
        areas: By variant, its AUC with each seed, all on the same resamples of the eval rows. Two variants.
        seeds: The seeds; more than one.

    Returns:
        ``seeds``; ``auc``: by variant, ``values`` (one a seed), ``mean`` and ``standard_deviation``; ``difference``, of
        the second variant minus the first: ``values``, ``standard_deviation``, and ``value``, ``low`` and ``high`` of
        the mean and its 95 % interval over eval rows and seeds; ``over_rows`` and ``over_seeds``: the intervals of the
        mean difference over each alone.
    """
    first, second = areas.values()
    differences = [after - before for before, after in zip(first, second, strict=True)]
    over_rows = mean_of(differences).interval()
    values = np.array([each.value for each in differences])
    over_seeds = mean_of_few(values.tolist())
    return {
        "seeds": list(seeds),
        "auc": {name: _describe([each.value for each in each_seed]) for name, each_seed in areas.items()},
        "difference": {
            "values": values.tolist(),
            "standard_deviation": float(values.std(ddof=1)),
            **asdict(sum_of_independent(over_rows, over_seeds)),
        },
        "over_rows": asdict(over_rows),
        "over_seeds": asdict(over_seeds),
    }


def _describe(values: Sequence[float]) -> dict[str, Any]:
    return {
        "values": list(values),
        "mean": float(np.mean(values)),
        "standard_deviation": float(np.std(values, ddof=1)),
    }
