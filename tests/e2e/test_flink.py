"""Beam work on Apache Flink: a cluster of two workers with their pools of Python workers, on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("tensorflow", reason="needs taxi-pipeline[local]")

from components.lib.beam.options import BeamOptions
from components.lib.beam.pipelines import BeamJobError
from tests.e2e.content import evaluated, transformed
from tests.flink.cluster import flink_cluster
from tests.flink.jars import FlinkMissingError
from tests.tools import missing

pytestmark = pytest.mark.full

WORKERS = 2


@pytest.fixture(scope="module")
def flink() -> Iterator[list[str]]:
    """The flags that send a pipeline to a cluster."""
    try:
        with flink_cluster(WORKERS) as flags:
            yield flags
    except FlinkMissingError as reason:
        missing(str(reason))


def elsewhere(flink: list[str], parameter: str) -> BeamOptions:
    """The options that a person gives for it."""
    return BeamOptions(mode="cloud", mode_parameter=parameter, runner="PortableRunner", flags=flink)


def test_both_workers_of_the_cluster_work(flink: list[str], tmp_path: Path) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    def add(numbers):
        import os

        yield f"{os.getpid()} {sum(numbers)}"

    with beam.Pipeline(options=PipelineOptions(["--runner=PortableRunner", *flink])) as pipeline:
        _ = (
            pipeline
            | beam.Create(range(1000))
            | beam.Map(lambda number: (number % 10, number))
            | beam.GroupByKey()
            | beam.Values()
            | beam.FlatMap(add)
            | beam.io.WriteToText(str(tmp_path / "sums"))
        )
    lines = [line.split() for file in tmp_path.glob("sums-*") for line in file.read_text().splitlines()]
    assert sorted(int(total) for _, total in lines) == [sum(range(start, 1000, 10)) for start in range(10)]
    assert len({process for process, _ in lines} - {str(os.getpid())}) == WORKERS


def test_transform_on_flink_gives_the_content_of_local_mode(chain, flink: list[str], tmp_path: Path) -> None:
    from components.transform.preprocess import preprocess

    graph, examples = str(tmp_path / "graph"), str(tmp_path / "transformed")
    counts = preprocess(
        chain.examples,
        "taxi_pipeline.preprocessing",
        transform_graph=graph,
        transformed_examples=examples,
        options=elsewhere(flink, "preprocess_mode"),
    )
    here = transformed(chain.transformed, chain.graph)
    there = transformed(examples, graph)
    assert counts == {"train": len(here["train"]), "eval": len(here["eval"]), "features": len(here["train"][0])}
    for split, rows in here.items():
        assert len(there[split]) == len(rows)
        for found, row in zip(there[split], rows, strict=True):
            assert found == pytest.approx(row, rel=1e-5, abs=1e-6)  # moments merge in another order
    for vocabulary in sorted((Path(chain.graph) / "transform_fn" / "assets").iterdir()):
        assert (Path(graph) / "transform_fn" / "assets" / vocabulary.name).read_bytes() == vocabulary.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "transformed"]


def test_evaluation_on_flink_gives_the_content_of_local_mode(chain, flink: list[str], tmp_path: Path) -> None:
    from components.analysis.analyze import analyze
    from taxi_pipeline.schema import LABEL_KEY

    found = analyze(
        chain.examples,
        chain.model,
        "taxi_pipeline.eval_config",
        label_key=LABEL_KEY,
        evaluation=str(tmp_path / "evaluation"),
        options=elsewhere(flink, "tfma_mode"),
    )
    assert found["metrics"] == pytest.approx(chain.analysis["metrics"], rel=1e-9)
    assert found["confusion_matrix"] == chain.analysis["confusion_matrix"]
    assert found["verdict"] == chain.analysis["verdict"]
    here, there = Path(chain.evaluation), tmp_path / "evaluation"
    assert pq.read_table(there / "predictions").equals(pq.read_table(here / "predictions"))
    assert len(evaluated(here)) > 100
    assert evaluated(there) == pytest.approx(evaluated(here), rel=1e-9, nan_ok=True)


def test_a_job_that_fails_on_flink_leaves_nothing_and_says_why(chain, flink: list[str], tmp_path: Path) -> None:
    from components.transform.preprocess import preprocess

    examples, written = tmp_path / "examples", tmp_path / "written"
    shutil.copytree(chain.examples, examples)
    (broken,) = (examples / "train").iterdir()
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(BeamJobError, match=r"(?s)PortableRunner: job .*failed: .*ArrowInvalid"):
        preprocess(
            str(examples),
            "taxi_pipeline.preprocessing",
            transform_graph=str(written / "graph"),
            transformed_examples=str(written / "transformed"),
            options=elsewhere(flink, "preprocess_mode"),
        )
    assert list(written.iterdir()) == []
