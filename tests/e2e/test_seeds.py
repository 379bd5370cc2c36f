"""One model trained with several seeds, and what a comparison makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.comparison.compare import compare
from components.comparison.seeds import predict_seeds
from components.lib.artifacts.evaluation import read_predictions
from components.lib.artifacts.trainings import Training, read_trainings
from components.lib.stats.scores import auc, tfma_levels
from pipeline_tools.errors import InputError
from taxi_pipeline.schema import LABEL_KEY, RULE_COLUMN, RULE_VALUE
from tests.e2e.conftest import STEPS
from tests.e2e.fitting import fit_with

pytestmark = pytest.mark.full


def train(chain, folder: Path, **changes) -> dict[str, float]:
    arguments = {"label_key": LABEL_KEY, "train_steps": STEPS} | changes
    return fit_with(chain.examples, chain.transformed, chain.graph, str(folder / "model"), **arguments)


@pytest.fixture(scope="module")
def folder(chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    train(chain, folder, seeds=3, trainings=str(folder / "trainings"))
    return folder


def test_trainings_say_how_long_each_was(chain, folder: Path) -> None:
    trainings = read_trainings(folder / "trainings")
    rows = int(chain.metrics["train_examples"])
    assert trainings == [Training(seed, STEPS, 40, rows, pytest.approx(STEPS * 40 / rows)) for seed in (1, 2, 3)]


def test_a_further_seed_gives_the_model_that_it_gives_alone(chain, folder: Path, tmp_path: Path) -> None:
    alone = train(chain, tmp_path, seed=2)
    first = read_predictions(chain.evaluation)
    scores = predict_seeds(str(folder / "trainings"), [2, 3], chain.examples, LABEL_KEY, first)
    assert auc(first.labels, scores[2]) == pytest.approx(alone["eval_auc"], abs=1e-9)
    assert not np.array_equal(scores[2], scores[3])
    assert not np.array_equal(scores[2], first.scores)


def test_the_same_variant_twice_does_not_differ(chain, folder: Path, tmp_path: Path) -> None:
    names = ("one", "other")
    result = compare(
        chain.examples,
        dict.fromkeys(names, chain.evaluation),
        label_key=LABEL_KEY,
        rule_column=RULE_COLUMN,
        rule_value=RULE_VALUE,
        comparison=str(tmp_path / "comparison"),
        trainings=dict.fromkeys(names, str(folder / "trainings")),
        report=str(tmp_path / "report.html"),
    )
    assert result["winner"] is None
    assert result["seeds"]["difference"]["values"] == [0, 0, 0]
    first = read_predictions(chain.evaluation)
    values = result["seeds"]["auc"]["one"]["values"]
    assert values[0] == pytest.approx(auc(first.labels, tfma_levels(first.scores)))
    assert len(set(values)) == 3
    assert "and over 3 training seeds" in result["conclusion"]
    assert f"Both were trained for {STEPS * 40 / chain.metrics['train_examples']:.1f} epochs" in result["conclusion"]
    assert "Training seeds" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds=0: must be at least 1"),
        ({"seeds": 2}, "seeds=2: name a directory for the models of further seeds as trainings"),
    ],
)
def test_seeds_that_cannot_be_trained_are_refused(chain, tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(chain, tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []
