"""Components know nothing of taxis: another data set runs through them, from its own files, with no edit in them."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from kfp import dsl
from sklearn.datasets import load_breast_cancer

from components import compare, example_gen, tfma_analyze, tft_preprocess, train
from pipeline_tools.local import run

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent / "tumours"

SCHEMA = """
feature { name: "mean_radius" type: FLOAT float_domain { min: 0 } }
feature { name: "mean_texture" type: FLOAT }
feature { name: "cells" type: INT }
feature { name: "texture_kind" type: BYTES domain: "kinds" }
feature { name: "diagnosis" type: BYTES domain: "diagnoses" }
string_domain { name: "kinds" value: "fine" value: "coarse" }
string_domain { name: "diagnoses" value: "benign" value: "malignant" }
"""

EVAL_CONFIG = """
slicing_specs {}
slicing_specs { feature_keys: "texture_kind" }
metrics_specs { metrics { class_name: "AUC" } metrics { class_name: "ExampleCount" } }
"""


def write_rows(path: Path) -> None:
    """Write the tumours as a gzipped CSV without a key column."""
    data = load_breast_cancer()
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["mean_radius", "mean_texture", "cells", "texture_kind", "diagnosis"])
        for row, target in zip(data.data, data.target, strict=True):
            kind = "fine" if row[1] < 18 else "coarse"
            writer.writerow([row[0], row[1], round(row[3]), kind, ("malignant", "benign")[target]])


@dsl.pipeline(name="tumours")
def tumours(rows: str, schema: str, preprocessing_module: str, model_module: str, eval_config: str):
    read = example_gen(input_handle_train=rows, input_handle_eval=rows, schema=schema)
    examples = read.outputs["examples"]
    transformed = tft_preprocess(examples=examples, preprocessing_module=preprocessing_module)
    evaluations = []
    for steps in (1, 300):
        trained = train(
            examples=examples,
            transformed_examples=transformed.outputs["transformed_examples"],
            transform_graph=transformed.outputs["transform_graph"],
            model_module=model_module,
            label_key="malignant",
            hyperparameters={"hidden_units": [16]},
            train_steps=steps,
        )
        analyzed = tfma_analyze(
            examples=examples, model=trained.outputs["model"], eval_config=eval_config, label_key="malignant"
        )
        evaluations.append(analyzed.outputs["evaluation"])
    compare(
        examples=examples,
        evaluation1=evaluations[0],
        evaluation2=evaluations[1],
        name1="one step",
        name2="300 steps",
        label_key="malignant",
        rule_column="texture_kind",
        rule_value="coarse",
    )


def test_another_data_set_runs_through_the_same_components(tmp_path: Path) -> None:
    write_rows(tmp_path / "tumours.csv.gz")
    (tmp_path / "schema.pbtxt").write_text(SCHEMA)
    (tmp_path / "eval_config.pbtxt").write_text(EVAL_CONFIG)
    result = run(
        tumours,
        {
            "rows": str(tmp_path / "tumours.csv.gz"),
            "schema": str(tmp_path / "schema.pbtxt"),
            "preprocessing_module": str(HERE / "preprocessing.py"),
            "model_module": str(HERE / "model.py"),
            "eval_config": str(tmp_path / "eval_config.pbtxt"),
        },
        run_dir=tmp_path / "run",
    )
    assert result.steps["tfma-analyze-2"].metrics["auc"] > 0.95
    comparison = json.loads((result.artifact("compare", "comparison").path / "comparison.json").read_text())
    assert comparison["winner"] == "300 steps"
    assert comparison["examples"] == result.steps["tfma-analyze"].metrics["example_count"]
