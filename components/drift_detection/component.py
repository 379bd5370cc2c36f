"""The factory of the `drift` step."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Output

from components.lib.report.roles import MeasuresDrift
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def drift(
    baseline: Input[Dataset],
    current: Input[Dataset],
    drift: Output[Artifact],
    distances: Output[Metrics],
    split: str = "train",
):
    """Measure how far each column has moved from one set of examples to another.

    Args:
        baseline: The examples that the others are compared with, for example of an earlier window.
        current: Examples with the same columns as the baseline; their schema gives the thresholds.
        drift: A directory with drift.json: by column the distance, its threshold and what moved.
        distances: The distance of each column between both sets of examples.
        split: Name of the split that is compared in both: train or eval.
    """
    from components.drift_detection.measure import measure_drift

    distances.metadata.update(measure_drift(baseline.path, current.path, drift.path, split=split))


REGISTRATION = Registration(factory=drift, page=MeasuresDrift())
