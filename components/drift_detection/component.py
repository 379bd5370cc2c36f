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
        baseline: Examples to compare with.
        current: Examples of the same columns; their schema names the thresholds.
        drift: drift.json tells distance, threshold and what moved, by column.
        distances: The distance of each column.
        split: Which split of both to compare.
    """
    from components.drift_detection.measure import measure_drift

    distances.metadata.update(measure_drift(baseline.path, current.path, drift.path, split=split))


REGISTRATION = Registration(factory=drift, page=MeasuresDrift())
