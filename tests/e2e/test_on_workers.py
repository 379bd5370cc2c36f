"""What Beam's workers write in cloud mode is what one process writes in local mode."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("tensorflow", reason="needs taxi-pipeline[local]")

from components.lib.beam.options import BeamOptions
from pipeline_tools.errors import InputError
from tests.e2e.content import evaluated, transformed

pytestmark = pytest.mark.full

ELSEWHERE = BeamOptions(mode="cloud", mode_parameter="tfma_mode", runner="FnApiRunner", job_name="a run-a step")


def test_transform_on_workers_gives_the_content_of_local_mode(chain, tmp_path: Path) -> None:
    from components.transform.preprocess import preprocess

    graph, examples = str(tmp_path / "graph"), str(tmp_path / "transformed")
    counts = preprocess(
        chain.examples,
        "taxi_pipeline.preprocessing",
        transform_graph=graph,
        transformed_examples=examples,
        options=ELSEWHERE,
    )
    here = transformed(chain.transformed, chain.graph)
    there = transformed(examples, graph)
    assert counts == {"train": len(here["train"]), "eval": len(here["eval"]), "features": len(here["train"][0])}
    assert there == here
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "transformed"]


def test_evaluation_on_workers_gives_the_content_of_local_mode(chain, tmp_path: Path) -> None:
    from components.analysis.analyze import analyze
    from taxi_pipeline.schema import LABEL_KEY

    found = analyze(
        chain.examples,
        chain.model,
        "taxi_pipeline.eval_config",
        label_key=LABEL_KEY,
        evaluation=str(tmp_path / "evaluation"),
        report=str(tmp_path / "report.html"),
        options=ELSEWHERE,
    )
    assert found["metrics"] == pytest.approx(chain.analysis["metrics"], rel=1e-9)
    assert found["confusion_matrix"] == chain.analysis["confusion_matrix"]
    here, there = Path(chain.evaluation), tmp_path / "evaluation"
    assert sorted(path.name for path in there.iterdir()) == sorted(path.name for path in here.iterdir())
    assert pq.read_table(there / "predictions").equals(pq.read_table(here / "predictions"))
    assert evaluated(there) == pytest.approx(evaluated(here), rel=1e-9, nan_ok=True)
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_module_given_by_path_and_its_neighbour_travel_with_the_job(chain, tmp_path: Path) -> None:
    """Workers cannot import what lies beside the pipeline: here they are processes that start elsewhere."""
    from components.transform.preprocess import preprocess

    (tmp_path / "sizes.py").write_text("BUCKETS = 7\n\n\ndef halve(x):\n    return x / 2\n")
    (tmp_path / "features.py").write_text(
        "import tensorflow_transform as tft\nimport sizes\n\n\n"
        "def preprocessing_fn(inputs):\n"
        "    return {'fare_bucket': tft.bucketize(sizes.halve(inputs['fare']), sizes.BUCKETS)}\n"
    )
    counts = preprocess(
        chain.examples,
        str(tmp_path / "features.py"),
        transform_graph=str(tmp_path / "graph"),
        transformed_examples=str(tmp_path / "transformed"),
        options=BeamOptions(
            mode="cloud",
            runner="FnApiRunner",
            flags=("--direct_running_mode=multi_processing", "--direct_num_workers=1"),
        ),
    )
    assert counts["features"] == 1
    rows = transformed(str(tmp_path / "transformed"), str(tmp_path / "graph"))
    assert {row["fare_bucket"] for row in rows["train"]} == set(range(7))


def test_a_job_that_fails_leaves_nothing_and_says_why(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.lib.beam.pipelines import BeamJobError
    from components.transform import transform
    from components.transform.preprocess import preprocess

    def broken(*_: object) -> None:
        raise MemoryError("no room on the worker")

    monkeypatch.setattr(transform.Transformer, "transform_batch", broken)
    with pytest.raises(BeamJobError, match=r"FnApiRunner: job a-run-a-step failed: .*no room on the worker"):
        preprocess(
            chain.examples,
            "taxi_pipeline.preprocessing",
            transform_graph=str(tmp_path / "graph"),
            transformed_examples=str(tmp_path / "transformed"),
            options=ELSEWHERE,
        )
    assert list(tmp_path.iterdir()) == []


def test_dataflow_refuses_artifacts_that_its_workers_cannot_reach(chain, tmp_path: Path) -> None:
    from components.transform.preprocess import preprocess

    dataflow = BeamOptions(
        mode="cloud",
        mode_parameter="preprocess_mode",
        project="some-project",
        region="us-central1",
        temp_location="gs://bucket/tmp",
        worker_image="registry/image:1",
    )
    with pytest.raises(InputError, match=r"preprocess_mode=cloud: examples is at .*--run-dir gs://bucket/folder"):
        preprocess(
            chain.examples,
            "taxi_pipeline.preprocessing",
            transform_graph=str(tmp_path / "graph"),
            transformed_examples=str(tmp_path / "transformed"),
            options=dataflow,
        )
