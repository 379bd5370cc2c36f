"""The same specification under KFP's own local runner and under ours gives the same."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import pytest

from pipeline_tools.local import run
from taxi_pipeline.workflow1 import workflow1
from tests.kfp_local import kfp_local
from tests.pipeline_tools.local import constructs
from tests.shared import SMALL

pytestmark = pytest.mark.e2e


def under_kfp_local(pipeline, arguments: dict, where: Path):
    """Run under kfp.local's SubprocessRunner; gives the pipeline's task."""
    with kfp_local(where), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of settings that only a cluster has
        return pipeline(**arguments)


def plain(value: str) -> str:
    """Write whole numbers alike: inside lists, mappings and metadata kfp.local has floats only, a cluster does not."""
    return re.sub(r"(\d)\.0\b", r"\1", str(value))


# Left out is what kfp.local cannot do: an optional number that is not given, a loop over constants inside another,
# a loop over nothing, container components; and a failed pipeline has no outputs there to compare.
@pytest.mark.parametrize(
    ("pipeline", "arguments"),
    [
        (constructs.returned, {"start": 3}),
        (constructs.artifacts, {"count": 6}),
        (constructs.nested, {"base": 2}),
        (constructs.branches, {}),
        (constructs.branches, {"speed": "slow", "count": 10}),
        (constructs.branches, {"speed": "none", "count": 1}),
        (constructs.tables, {}),
        (constructs.guarded, {}),
        (constructs.for_a_cluster, {}),
    ],
    ids=lambda value: value.name if hasattr(value, "name") else ",".join(value),
)
def test_constructs(pipeline, arguments, tmp_path):
    theirs = under_kfp_local(pipeline, arguments, tmp_path / "theirs").outputs
    ours = run(pipeline, arguments, run_dir=tmp_path / "ours").outputs
    assert {name: plain(value) for name, value in ours.items()} == {
        name: plain(value) for name, value in theirs.items()
    }


def metrics_of(where: Path) -> dict[str, dict[str, float]]:
    """Read the metrics of each step from what KFP's executor left behind."""
    found: dict[str, dict[str, float]] = {}
    for path in where.rglob("executor_output.json"):
        made = json.loads(path.read_text()).get("artifacts", {}).get("metrics", {}).get("artifacts", [])
        if made:
            found[path.parent.name] = made[0]["metadata"]
    return found


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_workflow1_has_equal_metrics(small_workflow1_run, tmp_path):
    under_kfp_local(workflow1, SMALL, tmp_path / "theirs")
    theirs = metrics_of(tmp_path / "theirs")
    assert {"train", "train-2", "tfma-analyze", "tfma-analyze-2", "compare"} <= set(theirs)
    for step, metrics in theirs.items():
        assert small_workflow1_run.artifact(step, "metrics").metadata == metrics, step
