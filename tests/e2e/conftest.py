"""Artifacts of a small run of the taxi components, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.fitting import fit_with
from tests.shared import made_once

ROWS = 3000
STEPS = 100


@dataclass(frozen=True)
class Chain:
    """Where the artifacts of one variant lie, and what the steps returned."""

    examples: str
    graph: str
    transformed: str
    model: str
    evaluation: str
    metrics: dict
    analysis: dict


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sample of the bundled trips as examples."""
    from components.example_generation.read import read_examples
    from components.example_generation.request import ReadParameters
    from taxi_pipeline.schema import DERIVED_COLUMNS, KEY_COLUMN, TIME_COLUMN

    def read(root: Path) -> str:
        parameters = ReadParameters(
            input_handle_train="sample://trips",
            input_handle_eval="sample://trips",
            schema="taxi_pipeline.schema",
            key_column=KEY_COLUMN,
            derived_columns=DERIVED_COLUMNS,
            time_column=TIME_COLUMN,
            max_rows=ROWS,
        )
        outputs = {name: root / name for name in ("examples", "statistics", "anomalies")}
        read_examples(parameters, **outputs)
        return str(outputs["examples"])

    return made_once(tmp_path_factory, "examples", read)


def run_chain(examples: str, module: str, root: Path) -> Chain:
    """Run the steps of one variant, as functions."""
    from components.analysis.analyze import analyze
    from components.transform.preprocess import preprocess
    from taxi_pipeline.schema import LABEL_KEY

    graph, transformed, model, evaluation = (str(root / name) for name in ("graph", "transformed", "model", "eval"))
    preprocess(examples, module, transform_graph=graph, transformed_examples=transformed)
    metrics = fit_with(examples, transformed, graph, model, label_key=LABEL_KEY, train_steps=STEPS)
    analysis = analyze(examples, model, "taxi_pipeline.eval_config", label_key=LABEL_KEY, evaluation=evaluation)
    return Chain(examples, graph, transformed, model, evaluation, metrics, analysis)


@pytest.fixture(scope="session")
def chain(examples: str, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The first variant."""
    return made_once(tmp_path_factory, "chain", partial(run_chain, examples, "taxi_pipeline.preprocessing"))
