"""The factory of the `tfma_analyze` step."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.lib.report.roles import EvaluatesModel
from pipeline_tools.image import IMAGE
from pipeline_tools.registry import Registration


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tfma_analyze(
    examples: Input[Dataset],
    model: Input[Model],
    eval_config: str,
    label_key: str,
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    classification_metrics: Output[ClassificationMetrics],
    report: Output[HTML],
    rule_column: str = "",
    rule_value: str = "",
    tfma_mode: str = "local",
    beam_options: dict = {},  # noqa: B006 - a component's defaults are part of its specification
    job_name: str = "",
) -> NamedTuple("Outputs", [("blessed", bool), ("reason", str)]):
    """Evaluate a model on the raw eval examples with TFMA, slice by slice.

    Args:
        examples: The examples to evaluate on, of which the eval split is used.
        model: A SavedModel with the signatures serving_default and transform_features.
        eval_config: Path or dotted name of a TFMA EvalConfig in text form: slices, metrics, thresholds.
        label_key: Name of the label among the transformed features that the model gives.
        evaluation: TFMA's result directory, with the predictions and the verdict inside.
        metrics: The metrics of the model over all eval examples, one number each.
        classification_metrics: ROC curve and confusion matrix, which the Pipelines UI draws.
        report: The analysis as one HTML file that needs no network.
        rule_column: A raw column for a baseline rule that predicts label 1 where it has rule_value; empty for no rule.
        rule_value: The value of rule_column for which the baseline rule predicts label 1.
        tfma_mode: Where TFMA evaluates the model: local, in the process of this step, or cloud, by a Beam job on
            workers as beam_options says.
        beam_options: Where the Beam job of cloud mode runs, as a mapping with the keys runner, flags, project, region,
            temp_location, worker_image, machine_type, max_workers, network, service_account and labels.
        job_name: Name of the Beam job in cloud mode, by which its engine lists it.

    Returns:
        Whether the model is blessed, and why.
    """
    from components.analysis.analyze import analyze
    from components.lib.beam.options import BeamOptions

    options = BeamOptions.from_mapping(beam_options, mode=tfma_mode, mode_parameter="tfma_mode", job_name=job_name)
    found = analyze(
        options.address(examples),
        options.address(model),
        eval_config,
        label_key=label_key,
        evaluation=options.address(evaluation),
        report=report.path,
        rule_column=rule_column,
        rule_value=rule_value,
        options=options,
    )
    metrics.metadata.update(found["metrics"])
    if "roc" in found:
        classification_metrics.log_roc_curve(**found["roc"])
        classification_metrics.log_confusion_matrix(["0", "1"], found["confusion_matrix"])
    return (found["verdict"].blessed, found["verdict"].reason)


def _check(inputs: Mapping[str, Any], image: str) -> Iterable[str]:
    from components.lib.beam.options import check_inputs

    return check_inputs(inputs, "tfma_mode", image)


REGISTRATION = Registration(factory=tfma_analyze, check=_check, page=EvaluatesModel())
