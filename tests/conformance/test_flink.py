"""Beam work on Apache Flink: a cluster of two workers with their pools of Python workers, on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.flink.cluster import flink_cluster
from tests.conformance.flink.jars import FlinkMissingError

pytestmark = [pytest.mark.conformance, pytest.mark.e2e]

WORKERS = 2


@pytest.fixture(scope="module")
def flink() -> Iterator[list[str]]:
    """The flags that send a pipeline to a cluster."""
    try:
        with flink_cluster(WORKERS) as flags:
            yield flags
    except FlinkMissingError as reason:
        pytest.skip(str(reason))


def test_both_workers_of_a_cluster_work(flink: list[str], tmp_path: Path) -> None:
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
