"""tfma_analyze on real trips."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.lib.stats.scores import accuracy, auc, log_losses
from pipeline_tools.errors import InputError
from taxi_pipeline.schema import LABEL_KEY

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def result(chain):
    import tensorflow_model_analysis as tfma

    return tfma.load_eval_result(chain.evaluation)


@pytest.fixture(scope="module")
def predictions(chain):
    return pq.read_table(sorted((Path(chain.evaluation) / "predictions").iterdir()))


def test_the_metrics_are_those_of_the_predictions(chain, predictions) -> None:
    labels = predictions[LABEL_KEY].to_numpy()
    scores = predictions["probability"].to_numpy()
    metrics = chain.analysis["metrics"]
    assert metrics["example_count"] == len(labels)
    assert metrics["auc"] == pytest.approx(auc(labels, scores), abs=2e-3)  # TFMA sums over 10,000 thresholds
    assert metrics["binary_accuracy"] == pytest.approx(accuracy(labels, scores), abs=1e-9)
    assert metrics["binary_crossentropy"] == pytest.approx(log_losses(labels, scores).mean(), rel=1e-5)
    assert metrics["calibration"] == pytest.approx(scores.mean(dtype=np.float64) / labels.mean(), rel=1e-5)
    assert chain.metrics["eval_auc"] == pytest.approx(auc(labels, scores), abs=1e-9)


def test_the_predictions_are_of_the_eval_examples_in_order(chain, predictions) -> None:
    raw = pq.read_table(sorted((Path(chain.examples) / "eval").glob("*.parquet")))
    assert predictions["example_key"].equals(raw["example_key"])


def test_the_six_slice_specs_hold_every_trip(result, predictions) -> None:
    counts = {tuple(key): metrics[""][""]["example_count"]["doubleValue"] for key, metrics in result.slicing_metrics}
    rows = predictions.to_pylist()
    expected = Counter()
    for row in rows:
        hour, day, month = (row[f"trip_start_{part}"] for part in ("hour", "day", "month"))
        keys = {
            (),
            (("trip_start_hour", hour),),
            (("company", row["company"]),),
            (("trip_start_day", day), ("trip_start_month", month)),
        }
        if hour == 12:
            keys |= {(("trip_start_day", day), ("trip_start_hour", 12))}
        expected.update(keys)
    assert counts == expected


def test_what_the_pipelines_ui_draws_is_finite_and_ordered(chain) -> None:
    roc = chain.analysis["roc"]
    assert all(np.isfinite(values).all() for values in roc.values())
    assert (np.diff(roc["threshold"]) < 0).all()
    assert (np.diff(roc["fpr"]) >= 0).all()
    assert (np.diff(roc["tpr"]) >= 0).all()
    assert (roc["fpr"][-1], roc["tpr"][-1]) == (1, 1)


def test_the_confusion_matrix_is_that_of_the_predictions(chain, predictions) -> None:
    labels = predictions[LABEL_KEY].to_numpy() > 0.5
    above = predictions["probability"].to_numpy() > 0.5
    expected = [[(~labels & ~above).sum(), (~labels & above).sum()], [(labels & ~above).sum(), (labels & above).sum()]]
    assert chain.analysis["confusion_matrix"] == expected


def test_a_blessing_has_a_reason(chain) -> None:
    verdict = json.loads((Path(chain.evaluation) / "verdict.json").read_text())
    assert verdict == {"blessed": True, "reason": "blessed: meets all 2 thresholds of the eval config", "failures": []}


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ("lower_bound { value: 0.9999 }", r"not blessed: auc of all examples: 0\.9\d+, must be at least 0\.9999$"),
        (None, "not blessed: the eval config sets no threshold$"),
    ],
)
def test_the_verdict_follows_the_thresholds(chain, tmp_path: Path, bounds: str | None, reason: str) -> None:
    from components.analysis.analyze import analyze

    threshold = f"threshold {{ value_threshold {{ {bounds} }} }}" if bounds else ""
    config = tmp_path / "config.pbtxt"
    config.write_text(f'metrics_specs {{ metrics {{ class_name: "AUC" {threshold} }} }}')
    evaluation = str(tmp_path / "eval")
    found = analyze(chain.examples, chain.model, str(config), label_key=LABEL_KEY, evaluation=evaluation)
    assert re.match(reason, found["verdict"].reason), found["verdict"].reason
    assert not found["verdict"].blessed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense {", "not a TFMA EvalConfig in text form: line"),
        ("slicing_specs {}", "names no metrics"),
        (
            'slicing_specs { feature_keys: "colour" } metrics_specs { metrics { class_name: "AUC" } }',
            "eval_config slices by colour; the schema's columns are trip_start_timestamp",
        ),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(chain, tmp_path: Path, text: str, message: str) -> None:
    from components.analysis.analyze import analyze

    config = tmp_path / "config.pbtxt"
    config.write_text(text)
    with pytest.raises(InputError, match=message):
        analyze(chain.examples, chain.model, str(config), label_key=LABEL_KEY, evaluation=str(tmp_path / "eval"))
    assert not (tmp_path / "eval").exists()


def test_what_is_no_model_is_refused(chain, tmp_path: Path) -> None:
    from components.analysis.analyze import analyze

    config = "taxi_pipeline.eval_config"
    with pytest.raises(InputError, match="not a SavedModel"):
        analyze(chain.examples, str(tmp_path), config, label_key=LABEL_KEY, evaluation=str(tmp_path / "eval"))
    with pytest.raises(InputError, match="label_key=colour: the model transforms no such feature, only"):
        analyze(chain.examples, chain.model, config, label_key="colour", evaluation=str(tmp_path / "eval"))


def test_one_class_cannot_be_judged(chain, tmp_path: Path) -> None:
    import shutil

    import pyarrow.compute as pc

    from components.analysis.analyze import analyze

    examples = shutil.copytree(chain.examples, tmp_path / "examples")
    for path in (examples / "eval").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.filter(pc.equal(table["tips"], 0)), path)
    with pytest.raises(InputError, match=r"all labels \('big_tip'\) of split 'eval' are 0"):
        analyze(
            str(examples),
            chain.model,
            "taxi_pipeline.eval_config",
            label_key=LABEL_KEY,
            evaluation=str(tmp_path / "eval"),
        )
    assert not (tmp_path / "eval").exists()
